package view

import "shouwang/internal/policy"

// Today is a reader's home: what is due, what is late, what came back.
type Today struct {
	Answer  string // in words
	Calm    bool   // nothing is due
	Start   string // address of the first thing to do; "" when there is none
	StartAs string // what the button says
	Due     []TodayTask
	More    int    // tasks beyond those shown
	All     string // address of the whole list
	Tasks   bool   // the reader has tasks at all
	Back    []TodayNews
	Told    []TodayTask // late below, told to the reader's level
	Apply   []TodayApplication
	Applied bool          // the reader takes applications
	Came    bool          // things can come back to the reader
	Week    []TodayFigure // what happened this week
	Stand   []TodayFigure // how many cases stand where
	Asked   []TodayAsked  // data that departments are asked for
	Links   []TodayLink
}

// TodayTask is one thing to do.
type TodayTask struct {
	Href, What, Whose, Where, Level string
	When                            string // 今天, 明天, 已超期 3 天
	Late, Now                       bool
	Org                             string // whose it is, where it is not the reader's own
}

// TodayNews is something that came back.
type TodayNews struct {
	Href, What, Where, When string
	Attention               bool
}

// TodayApplication is a self-application that nobody has taken.
type TodayApplication struct {
	Href, Name, Where, When string
}

// TodayFigure is a figure of the week that leads to its list.
type TodayFigure struct {
	Label string
	Count int64
	Href  string
}

// TodayAsked is one request for data.
type TodayAsked struct {
	Name       policy.Text
	Department policy.Text
	Households int64
}

// TodayLink is a way on for those whose work is not cases.
type TodayLink struct {
	Href, Icon, Title, Text string
}

// lead reports whether what was told from below is the reader's first business.
func (t Today) lead() bool { return len(t.Due) == 0 && len(t.Told) > 0 }
