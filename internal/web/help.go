package web

import "shouwang/internal/web/view"

// help is how to read the pages.
func (s *Server) help(v *visit) error {
	return s.show(v, view.HelpPage(s.frame(v, s.words.In(v.lang, "help.title"), "help")))
}
