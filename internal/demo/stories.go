package demo

import (
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/measure"
	"shouwang/internal/screening"
)

// way is the ordinary way of a case: what is done so many days after the lead, and the state that it ends in. The days keep every deadline of the
// shipped pack, so a case is late only where its story says so.
func way() []struct {
	state string
	after int
	do    func(*story)
} {
	return []struct {
		state string
		after int
		do    func(*story)
	}{
		{"accepted", 0, func(s *story) { s.act(account.Village, "accept", nil) }},
		{"verified", 1, func(s *story) { s.visit(s.home.risk != "").verify() }},
		{"authorised", 2, func(s *story) {
			s.act(account.Village, "authorise", func(day string) form {
				return form{"signed_on": day, "signer": "head", "handprint": true, "scope": []any{"hukou", "vehicles", "property", "social_security"}, "letter": []any{paperHash("letter" + s.c.ID)}}
			}).act(account.Township, "record_comparison", results("asked", "public_security", "medical_insurance", "human_resources"))
		}},
		{"compared", 3, func(s *story) {
			s.act(account.Township, "record_comparison", results("clear", "public_security", "medical_insurance", "human_resources")).act(account.Township, "finish_comparison", nil)
		}},
		{"appraised", 4, func(s *story) { s.act(account.Village, "appraise", meeting(s)) }},
		{"publicised", 5, func(s *story) {
			s.act(account.Village, "publicise", func(day string) form { return form{"posted_on": day, "place": "村务公开栏"} })
		}},
		{"township_reviewed", 10, func(s *story) {
			s.act(account.Township, "township_review", fixed(form{"opinion": "情况属实，同意上报。"}))
		}},
		{"decided", 11, func(s *story) {
			s.act(account.County, "decide", func(day string) form {
				return form{"category": category(s), "decided_on": day, "document_no": "从防返办〔2026〕" + day[5:7] + day[8:] + "号"}
			})
		}},
		{"monitored", 12, func(s *story) {
			s.act(account.Township, "announce", func(day string) form { return form{"announced_on": day, "marked_month": day[:7]} })
		}},
		{"planned", 13, func(s *story) { s.plan() }},
		{"helping", 15, func(s *story) { s.orders() }},
		{"accepted by departments", 17, func(s *story) { s.answers(measure.Ordered, "accept", "") }},
		{"delivered", 30, func(s *story) { s.answers(measure.Answered, "done", "") }},
		{"verified delivery", 36, func(s *story) { s.checks() }},
		{"clearing", 195, func(s *story) {
			s.visit(true).act(account.Village, "propose_clearing", fixed(form{"clear_way": "helped", "risks_resolved": true}))
		}},
		{"clear_appraised", 198, func(s *story) { s.act(account.Village, "appraise_clearing", meeting(s)) }},
		{"clear_publicised", 199, func(s *story) {
			s.act(account.Village, "publicise_clearing", func(day string) form { return form{"posted_on": day, "place": "村务公开栏"} })
		}},
		{"clear_reviewed", 204, func(s *story) {
			s.act(account.Township, "review_clearing", fixed(form{"opinion": "收入稳定，同意消除。", "revisited": true}))
		}},
		{"clear_decided", 206, func(s *story) {
			s.act(account.County, "decide_clearing", func(day string) form { return form{"decided_on": day} })
		}},
		{"cleared", 208, func(s *story) {
			s.act(account.Township, "announce_clearing", func(day string) form { return form{"announced_on": day, "marked_month": day[:7]} })
		}},
	}
}

// until goes the ordinary way as far as a state.
func (s *story) until(state string) *story {
	for _, step := range way() {
		s.after(step.after)
		if step.after == 0 {
			s.at = s.at.Add(20 * time.Minute)
		}
		step.do(s)
		if step.state == state {
			break
		}
	}
	return s
}

func fixed(f form) func(string) form { return func(string) form { return f } }

func results(result string, departments ...string) func(string) form {
	var rows []any
	for _, d := range departments {
		rows = append(rows, form{"department": d, "result": result})
	}
	return fixed(form{"results": rows})
}

func meeting(s *story) func(string) form {
	return func(day string) form {
		return form{"held_on": day, "place": "村委会会议室", "attendees": 23.0, "votes_for": 21.0, "votes_against": 2.0, "minutes": []any{paperHash("minutes" + s.c.ID + day)}}
	}
}

// category is the kind of monitored household that fits.
func category(s *story) string {
	switch {
	case s.home.risk == "accident", s.home.risk == "disaster":
		return "sudden"
	case s.c.HouseholdType == "ordinary":
		return "marginal"
	case s.c.HouseholdType == "exited", s.c.HouseholdType == "exited_no_policy":
		return "unstable"
	}
	return "sudden"
}

// write writes all stories.
func (p *play) write() {
	p.lastDay()
	p.fromWarnings()
	p.fromPeople()
	p.applications()
	p.writeSends()
}

// lastDay is the morning of the last day: the newest screening, and every warning that nobody has yet goes to its village.
func (p *play) lastDay() {
	if p.o.Second != nil {
		p.beats = append(p.beats, beat{at: p.moment(0, 7), do: func(time.Time) error { return p.o.Second() }})
	}
	p.beats = append(p.beats, beat{at: p.moment(0, 8), do: func(now time.Time) error {
		county, err := p.who(account.County, p.o.Village, "", now)
		if err != nil {
			return err
		}
		p.report.Dispatched, err = p.dispatch.Send(p.ctx, county, now, screening.SignalFilter{}, nil)
		return err
	}})
}

// fromWarnings are leads of the screening within the last twenty days. Beside each number of days stands how its task stands at the end.
func (p *play) fromWarnings() {
	lead := func(name string, ago int) *story { return p.begin(name, &p.warned, ago).warned() }
	for _, ago := range []int{1, 2, 3, 6} { // in time, due, overdue, escalated
		lead("received", ago)
	}
	for _, ago := range []int{1, 3, 5, 7, 8, 12} { // five working days
		s := lead("accepted", ago).until("accepted")
		if ago < 8 {
			s.act(account.Township, "assign", func(string) form { return form{"owner": p.ownerOf(s)} })
		}
	}
	for _, x := range []struct {
		state string
		days  []int
	}{
		{"publicised", []int{6, 8, 10, 11, 13}},
		{"verified", []int{2, 4, 6}},
		{"compared", []int{4, 8, 10}},
		{"appraised", []int{5, 6, 8}},
		{"authorised", []int{3, 7, 9}},
		{"township_reviewed", []int{11, 13, 15}},
		{"decided", []int{12, 14}},
		{"monitored", []int{13, 15, 17}},
		{"planned", []int{14, 16}},
		{"helping", []int{17, 19}},
	} {
		for _, ago := range x.days {
			lead(x.state, ago).until(x.state)
		}
	}
	for _, ago := range []int{8, 12} {
		lead("rechecking", ago).until("publicised").after(7).act(account.Village, "object", fixed(form{"reason": "有群众反映该户在县城有门面房出租。"}))
	}
	for _, ago := range []int{5, 9} {
		lead("refused", ago).until("compared").after(4).act(account.Township, "refuse", fixed(form{"reason": "核实后家庭能够应对，暂不纳入，继续关注。"}))
	}
	lead("told", 13).until("compared").after(4).act(account.Township, "refuse", fixed(form{"reason": "子女已稳定就业，收入足以应对。"})).
		after(6).act(account.Village, "tell", func(day string) form { return form{"told_on": day, "how": "visit"} })
	lead("sent back", 7).until("appraised").after(6).act(account.Township, "send_back", fixed(form{"reason": "评议会议记录缺签到表，请重新核实后补齐。"}))
	lead("withdrawn", 10).until("authorised").after(4).act(account.Village, "withdraw", fixed(form{"reason": "农户自愿撤回，书面说明已收。", "letter": []any{paperHash("withdrawal")}}))
	for i, ago := range []int{4, 5, 7, 8, 9, 11, 13, 14, 16, 18} {
		reasons := []string{"住院费用已由医保和大病保险报销到位，自付不大。", "收入核算有误，在外务工收入没有登记。", "该户房屋已完成改造，系统未更新。"}
		lead("false alarm", ago).until("accepted").after(2).visit(false).act(account.Village, "verify_false", fixed(form{"reason": reasons[i%len(reasons)]}))
	}
	for _, ago := range []int{6, 10, 15, 17} {
		lead("known", ago).until("accepted").after(2).visit(false).act(account.Village, "verify_known", fixed(form{"reason": "村里早已掌握，已落实低保，持续关注。"}))
	}
	into := lead("goes on", 2)
	lead("merged", 2).after(1).beatWith(func(s *story, now time.Time) error {
		return s.actNow(now, account.County, "merge_duplicate", form{"into": into.c.ID, "remark": "分户未迁户口，实为一户。"})
	})
}

// ownerOf is the account of the village's worker.
func (p *play) ownerOf(s *story) string {
	who, err := p.who(account.Village, s.home.state.Division, "", s.at)
	if err != nil {
		return ""
	}
	return who.Account
}

// beatWith is a beat that knows its story.
func (s *story) beatWith(do func(*story, time.Time) error) *story {
	return s.beat(func(now time.Time) error { return do(s, now) })
}

// fromPeople are cases that people found, months ago, of households that stand on their own feet today.
func (p *play) fromPeople() {
	channels := []casework.Channel{casework.Visit, casework.Hotline, casework.Visit}
	n := 0
	lead := func(name string, ago int) *story {
		n++
		return p.begin(name, &p.calm, ago).reported(channels[n%len(channels)], 2+n%2)
	}
	fire := p.begin("green channel", &p.calm, 1).reported(casework.Disaster, 3)
	fire.act(account.Village, "accept", nil)
	lead("open orders", 18).until("helping")
	lead("orders sent back", 24).until("helping").after(16).answers(measure.Ordered, "reject", "本年度指标已用完，建议改由镇里公益性岗位解决。")
	lead("orders accepted", 22).until("accepted by departments")
	lead("delivered", 40).until("delivered")
	lead("delivered and verified", 70).until("verified delivery")
	lead("review due", 195).until("verified delivery")
	lead("review overdue", 200).until("verified delivery")
	for _, x := range []struct {
		state string
		days  []int
	}{
		{"clearing", []int{197, 200}},
		{"clear_appraised", []int{199, 200}},
		{"clear_publicised", []int{201, 205}},
		{"clear_reviewed", []int{205, 207}},
		{"clear_decided", []int{207, 209}},
		{"cleared", []int{225, 260, 330}},
	} {
		for _, ago := range x.days {
			lead(x.state, ago).until(x.state)
		}
	}
	lead("clear_rechecking", 204).until("clear_publicised").after(202).act(account.Village, "object_clearing", fixed(form{"reason": "群众反映该户务工收入不稳，建议再看一季。"}))
	lead("rolled back", 290).until("cleared").day(3).act(account.County, "roll_back", fixed(form{"reason": "务工厂子再次停工，收入又掉到监测范围以下。"})).
		act(account.Township, "plan", nil).day(2).act(account.Township, "start_help", nil) // the plan of before goes on
	lead("watch ended", 230).until("accepted").after(2).visit(true).act(account.Village, "verify_known", fixed(form{"reason": "已知情况，家庭能够应对。"})).
		after(200).act(account.Township, "end_watch", fixed(form{"reason": "半年来情况稳定。"}))
	lead("died out", 150).until("verified").after(60).act(account.Township, "die_out", fixed(form{"reason": "户内老人已去世，户口已注销。"}))
	lead("moved out", 120).until("verified").after(40).act(account.Township, "move_out", fixed(form{"reason": "整户随子女迁往广东，户口已迁出。"}))
}

// applications are what farmers wrote themselves.
func (p *play) applications() {
	apply := func(name string, ago int, who, phone, words string) *story {
		return p.begin(name, &p.calm, ago).applies(who, phone, words)
	}
	apply("application waiting", 0, "吴小妹", "13800000011", "丈夫在工地摔伤，住院花了四万多，家里没有收入了。")
	apply("application waiting", 1, "石老金", "13800000012", "今年茶叶卖不出去，孩子上学的钱凑不齐。")
	apply("application taken", 2, "潘秀花", "13800000013", "房子后面的坡滑下来，灶房不能用了。").after(1).taken()
	apply("application verified", 6, "龙先发", "13800000014", "厂里停工两个月没有发钱，老人还要吃药。").after(0).taken().until("verified")
	apply("application refused", 14, "梁胜才", "13800000015", "想申请帮扶，家里开支大。").taken().until("compared").after(4).act(account.Township, "refuse", fixed(form{"reason": "家庭有稳定工资收入，暂不符合条件。"})).
		after(6).act(account.Village, "tell", func(day string) form { return form{"told_on": day, "how": "phone"} })
	apply("application helped", 45, "韦金兰", "13800000016", "养的猪得病死了大半，欠着饲料钱。").taken().until("delivered")
	apply("application answered", 5, "陆建国", "13800000017", "户口在广西三江，人在从江打工。").after(1).beatWith(func(s *story, now time.Time) error {
		who, err := p.who(account.Village, s.home.state.Division, "", now)
		if err != nil {
			return err
		}
		return p.cases.AnswerApplication(p.ctx, who, now, s.id, 1, "您的户口在外省，请向户籍地村委会申报；在这里的临时困难可到镇民政办申请临时救助。")
	})
}
