package report

import "time"

// File is everything that papers about one case may show, already in words: names of places, codes and kinds as people read them. A paper takes from
// it what it needs; a field that is not known is empty and is printed as room to write by hand.
type File struct {
	Made                              time.Time // day of printing
	County, Township, Village         string
	CaseNo, HouseholdNo               string
	HouseholdType, Category, State    string
	Channel, LeadOn, Why              string // Why: all signals in words
	IdentifiedOn, MarkedMonth         string
	ClearWay, ClearedOn               string
	Green                             bool
	Members                           []Member
	Risks                             []Risk
	Indicators                        map[string]string // values in words by indicator id, with unit
	Values                            map[string]float64
	Guarantees                        []Guarantee
	Visits                            []Visit
	Authorisation                     *Authorisation
	Comparisons                       []Comparison
	Appraisal, ClearAppraisal         *Appraisal
	Notice, ClearNotice               *Notice
	Review, ClearReview               *Opinion // of the township
	Decision, ClearDecision           *Opinion // of the county
	Measures                          []Measure
	Tags                              []string
	Line                              string // the monitoring line in force, with unit
	PublicityDays                     int
	RisksResolved                     bool
	LabourWords, WorkerName, Contacts string
}

// Member is one person of the household.
type Member struct {
	Name, Relation, Sex, Number, Birth, Ethnic, Education, School, Health, Labour, Phone string
	Age                                                                                  int // -1: not known
	Head                                                                                 bool
}

// Risk is one recorded risk.
type Risk struct{ ID, Code, Name, Remark string }

// Guarantee is one of the 3+1: met is 是, 否 or 未知.
type Guarantee struct {
	Risk, Name, Met string
	Problems        []string // what is wrong, when it is not met
}

// guarantees are the 3+1 by the risk of the pack under which their rules stand.
func guarantees() []Guarantee {
	return []Guarantee{{Risk: "education_guarantee", Name: "义务教育有保障"}, {Risk: "medical_guarantee", Name: "基本医疗有保障"}, {Risk: "housing", Name: "住房安全有保障"}, {Risk: "water", Name: "饮水安全有保障"}}
}

// Visit is a visit to the household.
type Visit struct {
	On       string
	Visitors []string // name and post
	Found    []string // what differed from the data
	Checks   []string // "住房安全：是"
	Remark   string
}

// Authorisation is the household's signed permission to query.
type Authorisation struct {
	SignedOn, Signer string
	Handprint        bool
	Scope            []string
}

// Comparison is one department's answer.
type Comparison struct{ Department, Result, Explanation string }

// Appraisal is a village meeting.
type Appraisal struct {
	HeldOn, Place, Host           string
	Attendees, For, Against, Rest int // -1: not known
	Remark                        string
}

// Notice is a public notice of the case.
type Notice struct{ PostedOn, OverOn, ExpiresOn, Place string }

// Opinion is a review or a decision.
type Opinion struct{ On, Text, DocumentNo, Org string }

// Measure is one measure of the plan.
type Measure struct {
	Block, Option, For, Owner, Due, Source, State, Done string
	Amount                                              float64 // yuan; 0: none
}

// head gives the head of the household, or an empty member.
func (f *File) head() Member {
	for _, m := range f.Members {
		if m.Head {
			return m
		}
	}
	if len(f.Members) > 0 {
		return f.Members[0]
	}
	return Member{Age: -1}
}

// people is the number of members in words; empty when nobody is known.
func (f *File) people() string {
	if len(f.Members) == 0 {
		return ""
	}
	return count(len(f.Members), " 人")
}

// place is county, township and village in one.
func (f *File) place() string { return f.County + f.Township + f.Village }

// riskNames are all risks in one line.
func (f *File) riskNames() string {
	text := ""
	for i, r := range f.Risks {
		if i > 0 {
			text += "、"
		}
		text += r.Name
		if r.Remark != "" {
			text += "（" + r.Remark + "）"
		}
	}
	return text
}
