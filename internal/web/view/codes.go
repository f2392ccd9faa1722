package view

import (
	"time"

	"shouwang/internal/division"
	"shouwang/internal/housecode"
)

// VillageCodes is the cards and notices of a village; above villages the way down to one.
type VillageCodes struct {
	At          division.Code
	Name, Place string
	Crumbs      []Crumb
	Items       []Place
	Village     bool
	InForce     int64
	Base        string // the address that a scan opens; "" = nobody has set it
	Issue       bool   // the reader may issue and print cards
	Print       bool   // the reader may print notices
	Expires     string // the day that the form offers
	Done        string
}

// HouseholdCodes are the cards of one household.
type HouseholdCodes struct {
	No, Place     string
	Crumbs        []Crumb
	Codes         []housecode.Code // the newest first
	Issue, Revoke bool
	Expires       string
	Now           time.Time
	Done          string
	Digits        string // for the household, shown once
	DigitsUntil   time.Time
	QR            QR // of the card in force; Size 0 = not drawn
}

// Active is the card in force; nil = there is none.
func (h HouseholdCodes) Active() *housecode.Code {
	for i := range h.Codes {
		if h.Codes[i].State == housecode.Active && h.Codes[i].Expires.Go().After(h.Now) {
			return &h.Codes[i]
		}
	}
	return nil
}

// state is a card's state; one that has expired is told as that.
func (h HouseholdCodes) state(c *housecode.Code) string {
	if c.State == housecode.Active && !c.Expires.Go().After(h.Now) {
		return "expired"
	}
	return string(c.State)
}
