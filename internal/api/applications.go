package api

import (
	"context"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/throttle"
)

// Self-applications: anybody, without an account.

type applyInput struct {
	Body struct {
		Name       string `json:"name" minLength:"1" maxLength:"50" doc:"Name of the applicant"`
		Phone      string `json:"phone" minLength:"5" maxLength:"20" doc:"Phone to call back"`
		Village    int64  `json:"village" minimum:"110000000000" maximum:"999999999999" doc:"Code of the village, 12 digits"`
		Difficulty string `json:"difficulty" minLength:"2" maxLength:"2000" doc:"What is hard, in one's own words"`
	}
}

type applyOutput struct{ Body casework.Applied }

func (s *Server) applyFor(ctx context.Context, _ account.Actor, in *applyInput) (*applyOutput, error) {
	got, err := s.cases.Apply(ctx, s.now(), throttle.Network(about(ctx).addr), casework.ApplicationForm{Name: in.Body.Name, Phone: in.Body.Phone, Division: division.Code(in.Body.Village), Difficulty: in.Body.Difficulty})
	if errs.KindOf(err) == errs.Refused {
		return nil, problemWith(429, "too_many", err)
	}
	return &applyOutput{Body: got}, err
}

type followInput struct {
	Body struct {
		Code string `json:"code" minLength:"4" maxLength:"40" doc:"The code that the application was given"`
	}
}

type followOutput struct{ Body casework.Progress }

func (s *Server) follow(ctx context.Context, _ account.Actor, in *followInput) (*followOutput, error) {
	p, err := s.cases.Follow(ctx, in.Body.Code)
	return &followOutput{Body: p}, err
}

// And what staff make of them.

type applicationsInput struct {
	Paging
	State string `query:"state" enum:"waiting,taken,answered" doc:"Default waiting"`
}

type applicationsOutput struct {
	Body struct {
		Applications []casework.ApplicationShown `json:"applications" doc:"Oldest first, masked"`
		Next         string                      `json:"next,omitempty" doc:"For 'after' of the next page; absent on the last"`
	}
}

func (s *Server) applications(ctx context.Context, who account.Actor, in *applicationsInput) (*applicationsOutput, error) {
	out := &applicationsOutput{}
	var err error
	out.Body.Applications, err = s.cases.Applications(ctx, who, in.State, in.After, in.Limit)
	if out.Body.Applications == nil {
		out.Body.Applications = []casework.ApplicationShown{}
	}
	if n := len(out.Body.Applications); n == in.Limit {
		out.Body.Next = out.Body.Applications[n-1].ID
	}
	return out, err
}

// ApplicationPath names a self-application.
type ApplicationPath struct {
	ID string `path:"application" minLength:"1" maxLength:"60" doc:"Id of the application"`
}

type revealApplicationInput struct {
	ApplicationPath
	Body struct {
		Reason string `json:"reason" minLength:"2" maxLength:"200" doc:"What for; it is kept in the audit chain"`
	}
}

type applicationOutput struct {
	ETag string `header:"ETag" doc:"Version, for If-Match"`
	Body casework.ApplicationShown
}

func (s *Server) revealApplication(ctx context.Context, who account.Actor, in *revealApplicationInput) (*applicationOutput, error) {
	if _, err := reasonFor("body.reason", in.Body.Reason); err != nil {
		return nil, err
	}
	a, err := s.cases.Reveal(ctx, who, s.now(), in.ID, in.Body.Reason)
	return &applicationOutput{ETag: etag(a.Version), Body: a}, err
}

type takeApplicationInput struct {
	ApplicationPath
	IfMatch
	Body struct {
		Household string `json:"household" minLength:"1" maxLength:"40" doc:"Number of the household that it is about"`
		Risk      string `json:"risk,omitempty" maxLength:"40" doc:"Risk (id in the pack), when it can be told"`
		Level     int    `json:"level,omitempty" minimum:"0" maximum:"3" doc:"3 red, 2 yellow, 1 blue; default yellow"`
	}
}

func (s *Server) takeApplication(ctx context.Context, who account.Actor, in *takeApplicationInput) (*caseOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	home, err := s.within(ctx, who, in.Body.Household)
	if err != nil {
		return nil, err
	}
	c, err := s.cases.TakeApplication(ctx, who, s.now(), in.ID, version, casework.Household{ID: home.ID, No: home.No, Division: home.Division, Type: home.Type}, in.Body.Risk, in.Body.Level)
	if err != nil {
		return nil, err
	}
	return &caseOutput{ETag: etag(c.Version), Body: c}, nil
}

type answerApplicationInput struct {
	ApplicationPath
	IfMatch
	Body struct {
		Reason string `json:"reason" minLength:"2" maxLength:"500" doc:"Why it cannot become a case; the applicant reads it"`
	}
}

func (s *Server) answerApplication(ctx context.Context, who account.Actor, in *answerApplicationInput) (*empty, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	return &empty{}, s.cases.AnswerApplication(ctx, who, s.now(), in.ID, version, in.Body.Reason)
}

// Notices for everybody.

type publicNoticesInput struct {
	Village string `query:"village" required:"true" minLength:"12" maxLength:"12" pattern:"^[0-9]+$" doc:"Code of the village, 12 digits: notices hang in one village"`
}

type publicNotice struct {
	Kind      string `json:"kind" doc:"identify or clear"`
	Members   int    `json:"members,omitempty" doc:"Members of the household, when known"`
	Category  string `json:"category,omitempty" doc:"Kind of monitored object, once it is decided"`
	PostedOn  string `json:"posted_on" doc:"First day"`
	OverOn    string `json:"over_on" doc:"First day after the publicity"`
	ExpiresOn string `json:"expires_on" doc:"It is gone by this day"`
}

type publicNoticesOutput struct {
	Body struct {
		Village string         `json:"village" doc:"Names of the village"`
		Notices []publicNotice `json:"notices" doc:"Notices that hang now"`
	}
}

// publicNotices gives the white list and nothing else: no number, phone, account, illness or risk, and neither household nor case.
func (s *Server) publicNotices(ctx context.Context, _ account.Actor, in *publicNoticesInput) (*publicNoticesOutput, error) {
	code, err := division.Parse(in.Village)
	if err != nil {
		return nil, account.NotThere()
	}
	if _, known := s.app.Tree.Get(code); !known || code.Level() != division.Village {
		return nil, account.NotThere()
	}
	found, err := s.cases.PublicNotices(ctx, account.SystemActor("public"), code, casework.Civil(s.now()))
	if err != nil {
		return nil, err
	}
	out := &publicNoticesOutput{}
	out.Body.Village, out.Body.Notices = s.place(code), []publicNotice{}
	for _, n := range found {
		out.Body.Notices = append(out.Body.Notices, publicNotice{n.Kind, n.Members, n.Category, n.PostedOn, n.OverOn, n.ExpiresOn})
	}
	return out, nil
}
