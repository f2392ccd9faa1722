package casework

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Signal is one reason to look at a household, as it is given to [Service.Receive].
type Signal struct {
	Household     int64         `json:"household,string"`
	HouseholdNo   string        `json:"household_no"`
	Division      division.Code `json:"division"`       // village
	HouseholdType string        `json:"household_type"` // ordinary, exited, exited_no_policy; "" when not known
	Channel       Channel       `json:"channel"`
	Risk          string        `json:"risk"`    // of the pack; "" when the channel does not say
	Level         int           `json:"level"`   // 3 red, 2 yellow, 1 blue
	Rule          string        `json:"rule"`    // of the pack, for warnings
	Dataset       string        `json:"dataset"` // whose data it rests on, for warnings
	Run           int64         `json:"run"`     // screening run, for warnings
	// Key names the signal: one with a key that was received before is passed over, so that a run can be dispatched again. "" for none.
	Key string `json:"key"`
	// Amount says how bad it is in the rule's own measure, larger being worse; nil when it has none. A repeated cause asks for a new visit
	// only when its amount has grown by the pack's ratio (or its level has).
	Amount   *float64    `json:"amount"`
	Words    policy.Text `json:"words"`    // what was found, with figures; no name or number of a person
	Evidence string      `json:"evidence"` // JSON, or ""
	Happened string      `json:"happened"` // day, or ""
}

// SignalRow is a signal as it is kept.
type SignalRow struct {
	bun.BaseModel `bun:"table:signal" json:"-"`

	ID           string        `bun:",pk" json:"id"`
	CaseID       string        `json:"case"`
	Household    int64         `bun:"household_id" json:"household,string"`
	Division     division.Code `json:"division"`
	Channel      Channel       `json:"channel"`
	Risk         string        `json:"risk"`
	Level        int           `json:"level"`
	Rule         string        `json:"rule"`
	Dataset      string        `json:"dataset"`
	Run          int64         `json:"run"`
	SourceKey    string        `bun:",nullzero" json:"key"`
	Amount       *float64      `json:"amount"`
	WordsZH      string        `bun:"words_zh" json:"words_zh"`
	WordsEN      string        `bun:"words_en" json:"words_en"`
	Evidence     Document      `json:"evidence"`
	HappenedOn   string        `json:"happened_on"`
	ReceivedAt   ledger.Time   `json:"received_at"`
	SuppressedBy string        `json:"suppressed_by"` // the verified signal that this one repeats; ""
	Label        string        `json:"label"`         // true, false_alarm, known; "" while nobody has verified it
	LabelledAt   ledger.Time   `bun:",nullzero" json:"labelled_at"`
}

// openKey is what makes a live case the only one of its household.
func openKey(household int64) string { return strconv.FormatInt(household, 10) }

// check refuses what cannot be a signal.
func (g *Signal) check(p *policy.Pack) error {
	switch {
	case g.Household <= 0 || len(g.HouseholdNo) > 40:
		return bad("线索缺少户编号", "the signal lacks its household")
	case g.Division.Level() != division.Village:
		return bad("线索的区划须是村（12 位）", "a signal's division is a village (12 digits)")
	case !slices.Contains(Channels(), g.Channel):
		return bad("线索渠道不对", "the channel is unknown")
	case g.Level < 1 || g.Level > 3:
		return bad("线索级别应为 1 至 3", "the level must be 1 to 3")
	case g.Risk != "" && p.Risk(g.Risk) == nil:
		return bad("线索的风险类型不在政策包中", "the signal's risk is not in the pack")
	case !plain(g.HouseholdNo, g.HouseholdType, g.Rule, g.Dataset, g.Key, g.Words.ZH, g.Words.EN, g.Evidence, g.Happened):
		return bad("线索里有不能识别的字符", "the signal has characters that cannot be read")
	case g.Words.ZH == "" || len(g.Words.ZH) > 8000 || len(g.Words.EN) > 8000:
		return bad("线索缺少说明，或说明过长", "the signal lacks its words, or they are too long")
	}
	return nil
}

func (g *Signal) row(now ledger.Time, id string) SignalRow {
	r := SignalRow{
		ID: id, Household: g.Household, Division: g.Division, Channel: g.Channel, Risk: g.Risk, Level: g.Level, Rule: g.Rule,
		Dataset: g.Dataset, Run: g.Run, SourceKey: g.Key, Amount: g.Amount, WordsZH: g.Words.ZH, WordsEN: g.Words.In("en"), Evidence: Document(g.Evidence), HappenedOn: g.Happened, ReceivedAt: now,
	}
	return r
}

// addTo adds a name to a list written |a|b|.
func addTo(list, name string) string {
	if name == "" || strings.Contains(list, "|"+name+"|") {
		return list
	}
	if list == "" {
		list = "|"
	}
	return list + name + "|"
}

func (c *Case) addRisks() {
	for _, r := range c.Risks {
		c.RiskList = addTo(c.RiskList, r.Risk)
	}
}

// maxTold bounds how many signals an explanation tells in full.
const maxTold = 12

// tell makes the one explanation of a case out of its signals: worst first, each with its level, risk, channel and words. Signals that
// only repeat what was verified are counted, not told.
func (s *Service) tell(c *Case, signals []SignalRow) {
	c.Level, c.Signals, c.RiskList, c.RuleList = 0, 0, "", ""
	repeated := 0
	open := make([]*SignalRow, 0, len(signals))
	for i := range signals {
		g := &signals[i]
		if g.SuppressedBy != "" {
			repeated++
			continue
		}
		open = append(open, g)
		c.Level = max(c.Level, g.Level)
	}
	slices.SortStableFunc(open, func(a, b *SignalRow) int { return b.Level - a.Level })
	c.Signals = len(open)
	var zh, en strings.Builder
	if len(open) > 1 {
		fmt.Fprintf(&zh, "共 %d 条线索，一次入户一并核实。\n", len(open))
		fmt.Fprintf(&en, "%d signals, to be verified in one visit.\n", len(open))
	}
	for i, g := range open {
		c.RiskList, c.RuleList = addTo(c.RiskList, g.Risk), addTo(c.RuleList, g.Rule)
		if i == maxTold {
			fmt.Fprintf(&zh, "另有 %d 条，见线索清单。\n", len(open)-i)
			fmt.Fprintf(&en, "%d more, see the list of signals.\n", len(open)-i)
		}
		if i >= maxTold {
			continue
		}
		risk := policy.Text{}
		if r := s.pack.Risk(g.Risk); r != nil {
			risk = r.Name
		}
		markZH, markEN := levelMark(g.Level)
		channelZH, channelEN := g.Channel.Title()
		fmt.Fprintf(&zh, "%s %s（%s）：%s\n", markZH, or(risk.ZH, "风险待核"), channelZH, g.WordsZH)
		fmt.Fprintf(&en, "%s %s (%s): %s\n", markEN, or(risk.EN, "risk to be verified"), channelEN, g.WordsEN)
	}
	if repeated > 0 {
		fmt.Fprintf(&zh, "另有 %d 条与已核实的情况相同，不需再次入户。\n", repeated)
		fmt.Fprintf(&en, "%d more repeat what was verified already and need no visit.\n", repeated)
	}
	c.addRisks()
	c.ExplanationZH, c.ExplanationEN = strings.TrimSuffix(zh.String(), "\n"), strings.TrimSuffix(en.String(), "\n")
	c.rank()
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// explain reads a case's signals and tells them anew. Signals that were verified before the present clock began are history.
func (s *Service) explain(ctx context.Context, tx *ledger.Tx, c *Case) error {
	var list []SignalRow
	err := tx.NewSelect().Model(&list).Where("case_id = ?", c.ID).Where("labelled_at IS NULL OR labelled_at > ?", c.LeadAt).
		Where("suppressed_by = '' OR received_at >= ?", c.LeadAt).Order("received_at", "id").Scan(ctx)
	if err != nil {
		return err
	}
	s.tell(c, list)
	return nil
}
