package web

import (
	"shouwang/internal/errs"
	"shouwang/internal/web/view"
)

// storybook lists every component and page with canned data. It is open in development only and reads no store.
func (s *Server) storybook(v *visit) error {
	p := s.frame(v, "Storybook", "")
	return s.show(v, view.StorybookPage(p, view.Stories(p, s.app.Pack)))
}

// story shows one of them.
func (s *Server) story(v *visit) error {
	p := s.frame(v, "Storybook", "")
	for _, story := range view.Stories(p, s.app.Pack) {
		if story.ID == v.r.PathValue("story") {
			return s.show(v, story.Content)
		}
	}
	return errs.New(errs.NotFound, "没有这个样例", "there is no such story")
}
