package policy

import (
	"strings"

	"shouwang/internal/expr"
)

// Measures is what the pack says about assistance: the blocks of the national form, the measures in them, which risk
// each may answer, and what must hold for a plan as a whole. A pack without the folder measures has the zero value.
type Measures struct {
	Blocks       []Block
	Accepts      []Accept // one a risk, in the pack's order
	Tags         []Tag
	MemberFacts  []MemberFact
	Pools        []Pool
	Options      []Measure // in file-name, then in-file order: the order in which effects are reckoned
	Groups       []Group
	Requirements []Requirement
	Checks       []PlanCheck
	Priority     []PriorityKey
	Comparison   *Comparison // nil: effects are not compared
}

// Nature says what a measure is for.
type Nature string

// Natures. Development measures let people earn (开发式), the safety net keeps those who can't (兜底), basic ones mend a
// guarantee or give a service.
const (
	Development Nature = "development"
	SafetyNet   Nature = "safety_net"
	Basic       Nature = "basic"
)

// Block is one of the blocks of measures of the national form.
type Block struct {
	ID     string
	Code   string // code table of the national system, "100A39"; may be empty
	Name   Text
	Nature Nature
}

// Accept says which blocks hold measures that match a risk; Clearing are those that count in addition when the risk is
// to be cleared.
type Accept struct {
	Risk     string
	Blocks   []string
	Clearing []string
}

// Tag is a dated mark on a household that casework keeps (低保, 特困, 监测对象 …). When tells it from the indicators where
// nobody has set it.
type Tag struct {
	ID   string
	Name Text
	When *expr.Checked // over RuleEnv
}

// MemberFact is one value a member of the household: a column of the register (Dataset "person", Of the column) or
// folded from a department's rows about the person.
type MemberFact struct {
	ID         string
	Name       Text
	Unit       string
	Type       expr.Type
	Dataset    string
	Aggregate  Aggregate     // sum, count, max, min, any; "" for dataset person
	Of         *expr.Checked // over RowEnv(Dataset)
	Where      *expr.Checked
	AbsentZero bool
	FreshDays  int
}

// Pool is a limited number of places that several measures share: public posts, places on a course.
type Pool struct {
	ID   string
	Name Text
	Unit string
}

// Audience says whom one measure is for.
type Audience string

// Audiences.
const (
	ForHousehold Audience = "household"
	ForOne       Audience = "one_person"  // one member is chosen
	ForEach      Audience = "each_person" // every member who may have it gets it
)

// Measure is one option within a block.
type Measure struct {
	ID         string
	Block      string
	Name       Text
	Nature     Nature // the block's, unless the measure says otherwise
	For        Audience
	Answers    []string // risks whose cause it addresses
	Entitled   bool     // due to everybody who is eligible, whatever the risk (应享尽享)
	Eligible   *expr.Checked
	Held       *expr.Checked // the household (the member) has it already, by the departments' data; nil: can't be told
	Prefer     *expr.Checked // of several eligible members, the larger value first; nil: the register's order
	Amount     *expr.Checked // yuan to the household, once or in a year; nil: none
	Cost       *expr.Checked // public cost of one, in yuan; nil: the amount
	Effects    []MeasureEffect
	Department string // who delivers it
	Fund       Text   // where the money comes from
	Days       int    // usual days until it must be delivered
	Burden     int    // on the household: 0 none, 1 papers, 2 must learn or work, 3 must pay or borrow
	Pool       string // capacity-limited: a place of this pool; "" = not limited
	Conflicts  []string
	Evidence   []string // photo, document, signature
	Document   string
	Note       Text
	Examples   []MeasureExample
	File       string
	Line       int
	blockIndex int
}

// MeasureEffect is what a measure changes: an indicator folded from rows becomes To, reckoned for a whole year.
type MeasureEffect struct {
	Indicator string
	Slot      int
	To        *expr.Checked // over MeasureEnv
}

// Group limits measures against one another: at most so many of its members in one plan, for a household or for one
// person.
type Group struct {
	ID        string
	Name      Text
	PerPerson bool
	AtMost    int
	Members   []string
	// Held counts what the household (the person) has of the group by the departments' data; nil: nothing is known.
	Held *expr.Checked
	Note Text
}

// Requirement is what every plan must have: a measure of a nature where a condition holds.
type Requirement struct {
	ID      string
	Name    Text
	When    *expr.Checked
	Need    Nature
	Met     *expr.Checked // has it already; nil: never
	Wording Text
}

// PlanCheck is a condition that must not hold for a plan: error refuses it, doubt and hint are told.
type PlanCheck struct {
	ID       string
	Name     Text
	Severity string // error, doubt, hint
	When     *expr.Checked
	Wording  Text
	Examples []MeasureExample
	File     string
	Line     int
}

// PriorityKey is one key of the order in which households get limited places; the first key counts most.
type PriorityKey struct {
	ID         string
	Name       Text
	Of         *expr.Checked
	Descending bool
}

// MeasureExample is the test of a measure or of a plan check.
type MeasureExample struct {
	Example                   // Given are indicators; Expect: Hit = eligible (or the check holds)
	Tags    map[string]bool   // overrides of tags
	Person  map[string]any    // member facts; the measure is for a person
	Persons float64           // number of persons, for effects; 0 = 1
	Open    map[string]string // risk → level, "red"
	Plan    map[string]float64
	Amount  *float64
	Effects map[string]float64
}

// MeasureEnv returns the environment of eligibility, amounts, effects and plan checks; nil for a pack without measures.
// Slots: those of RuleEnv, then one a tag (tag.ID), one a risk (risk.ID: it is open), open.level (3 red … 0), open.red,
// open.risks, the plan (plan.total, plan.development, plan.safety_net, plan.BLOCK, plan.MEASURE), amount, persons, and
// one a member fact (person.ID).
func (p *Pack) MeasureEnv() *expr.Env { return p.measureEnv }

// MeasureSlots is the length of a row for MeasureEnv.
func (p *Pack) MeasureSlots() int { return p.MemberSlot(len(p.Measures.MemberFacts)) }

// TagSlot is the slot of tag i in MeasureEnv.
func (p *Pack) TagSlot(i int) int { return p.Slots() + i }

// RiskSlot is the slot of risk i (by index in Risks) in MeasureEnv.
func (p *Pack) RiskSlot(i int) int { return p.TagSlot(len(p.Measures.Tags)) + i }

// OpenSlot is the first of the slots open.level, open.red, open.risks.
func (p *Pack) OpenSlot() int { return p.RiskSlot(len(p.Risks)) }

// PlanSlot is the first of the plan's slots: total, development, safety_net, then the blocks, then the measures.
func (p *Pack) PlanSlot() int { return p.OpenSlot() + 3 }

func (p *Pack) planSlots() int { return 3 + len(p.Measures.Blocks) + len(p.Measures.Options) }

// AmountSlot is the slot of amount; the slot of persons follows it.
func (p *Pack) AmountSlot() int { return p.PlanSlot() + p.planSlots() }

// MemberSlot is the slot of member fact i.
func (p *Pack) MemberSlot(i int) int { return p.AmountSlot() + 2 + i }

// Measure returns the measure with the id, or nil.
func (p *Pack) Measure(id string) *Measure {
	return find(p.Measures.Options, func(m *Measure) bool { return m.ID == id })
}

// Block returns the block with the id, or nil.
func (p *Pack) Block(id string) *Block {
	return find(p.Measures.Blocks, func(b *Block) bool { return b.ID == id })
}

// Pool returns the pool with the id, or nil.
func (p *Pack) Pool(id string) *Pool {
	return find(p.Measures.Pools, func(x *Pool) bool { return x.ID == id })
}

// Accepts says which blocks match a risk, or nil.
func (p *Pack) Accepts(risk string) *Accept {
	return find(p.Measures.Accepts, func(a *Accept) bool { return a.Risk == risk })
}

// CodeName is the wording of a code of a column ("head" of the register's relation → 户主); the code itself where there is none.
func (p *Pack) CodeName(dataset, column, id string) Text {
	for _, c := range p.codesOf(dataset, column) {
		if c.ID == id {
			t := c.Name
			if t.EN == "" {
				t.EN = strings.ReplaceAll(c.ID, "_", " ")
			}
			return t
		}
	}
	return Text{ZH: id, EN: id}
}

// Comparison is how the effect of measures is told: against which households, on which outcomes, and when there are too few.
type Comparison struct {
	Exact       []ExactKey // households are compared only where all agree, besides the level
	Near        []string   // indicators of the baseline in which compared households are nearest
	Outcomes    []Tracked
	Neighbours  int     // households compared with each that got the measure
	Caliper     float64 // how far apart they may be, in standard deviations
	MinTreated  int
	MinControls int
	Confidence  float64 // of the interval, 0–1
	Months      int     // least months between the two runs
}

// ExactKey is one thing that compared households agree in.
type ExactKey struct {
	ID   string
	Name Text
	Of   *expr.Checked // a number over RuleEnv
}

// Tracked is an indicator whose change is told.
type Tracked struct {
	Indicator string
	Higher    bool // more is better
}
