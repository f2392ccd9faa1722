package matching

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawWishes draws households in order of priority, with the places that would help each.
func drawWishes(t *rapid.T) ([]*wish, []PlaceUse) {
	var places []PlaceUse
	for range rapid.IntRange(1, 4).Draw(t, "places") {
		places = append(places, PlaceUse{Places: Places{Places: rapid.IntRange(0, 2).Draw(t, "n")}})
	}
	var out []*wish
	for range rapid.IntRange(1, 6).Draw(t, "households") {
		w := &wish{entry: -1}
		for e := range places {
			if rapid.Bool().Draw(t, "helps") {
				w.entries = append(w.entries, e)
				w.quality = append(w.quality, cost{0: int64(-rapid.IntRange(0, 2).Draw(t, "red")), 4: int64(rapid.IntRange(-3, 3).Draw(t, "yellow"))})
			}
		}
		out = append(out, w)
	}
	return out, places
}

// every assignment is tried: the served ones by priority, then the total.
func bestAssignment(wishes []*wish, places []PlaceUse) (served []bool, total cost) {
	left := make([]int, len(places))
	for e := range places {
		left[e] = places[e].Places.Places
	}
	mine := make([]bool, len(wishes))
	better := func(a []bool, x cost) bool {
		if served == nil {
			return true
		}
		for i := range a {
			if a[i] != served[i] {
				return a[i]
			}
		}
		return x.less(total)
	}
	var try func(i int, sum cost)
	try = func(i int, sum cost) {
		if i == len(wishes) {
			if better(mine, sum) {
				served, total = slices.Clone(mine), sum
			}
			return
		}
		mine[i] = false
		try(i+1, sum)
		for k, e := range wishes[i].entries {
			if left[e] > 0 {
				left[e]--
				mine[i] = true
				try(i+1, sum.plus(wishes[i].quality[k]))
				mine[i] = false
				left[e]++
			}
		}
	}
	try(0, cost{})
	return served, total
}

func outcome(wishes []*wish) (served []bool, total cost) {
	for _, w := range wishes {
		served = append(served, w.entry >= 0)
		if w.entry >= 0 {
			total = total.plus(w.qualityOf(w.entry))
		}
	}
	return served, total
}

// TestAssignOracle: serving by priority, and then at least cost, is what trying every assignment finds; no place is taken twice; and
// one more place never makes it worse.
func TestAssignOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wishes, places := drawWishes(t)
		wantServed, wantTotal := bestAssignment(wishes, places)
		assign(wishes, places)
		served, total := outcome(wishes)
		if !slices.Equal(served, wantServed) || total != wantTotal {
			t.Fatalf("got %v %v, want %v %v", served, total, wantServed, wantTotal)
		}
		count := make([]int, len(places))
		for _, w := range wishes {
			if w.entry >= 0 {
				count[w.entry]++
			}
		}
		for e := range places {
			if count[e] > places[e].Places.Places || count[e] != places[e].Taken {
				t.Fatalf("place %d: %d taken, %d told, %d there", e, count[e], places[e].Taken, places[e].Places.Places)
			}
		}
		more := slices.Clone(places)
		more[rapid.IntRange(0, len(places)-1).Draw(t, "more")].Places.Places++
		for _, w := range wishes {
			w.entry = -1
		}
		assign(wishes, more)
		after, sum := outcome(wishes)
		for i := range after {
			if after[i] != served[i] {
				if !after[i] {
					t.Fatalf("with one more place household %d is no longer served: %v, %v", i, served, after)
				}
				return
			}
		}
		if total.less(sum) {
			t.Fatalf("with one more place %v is worse than %v", sum, total)
		}
	})
}

// drawCounty draws households whose work is gone, so that they compete for posts.
func drawCounty(t *rapid.T, n int) []Household {
	p := guizhou()
	var out []Household
	for i := range n {
		h := drawHousehold(t, p)
		h.No = fmt.Sprintf("52263300%06d", i)
		out = append(out, h)
	}
	return out
}

// TestCounty: limited places are kept, nobody takes two, the outcome does not depend on the order of the households, and with unlimited
// places everybody gets what Propose gives.
func TestCounty(t *testing.T) {
	p := guizhou()
	m := New(p)
	rapid.Check(t, func(t *rapid.T) {
		homes := drawCounty(t, 4)
		places := []Places{{"public_posts", 522633000000, rapid.IntRange(0, 2).Draw(t, "posts")}, {"rangers", 0, rapid.IntRange(0, 1).Draw(t, "rangers")}, {"workshop_jobs", 522634000000, 5}, {"course_places", 0, 0}}
		a, err := m.ProposeAll(t.Context(), homes, places)
		if err != nil {
			t.Fatal(err)
		}
		used := map[string]int{}
		for _, x := range a.Proposals {
			limited := 0
			for _, one := range x.Measures {
				if one.Pool != "" {
					limited++
					used[one.Pool]++
				}
			}
			if limited > 1 {
				t.Fatalf("%s takes %d limited places", x.HouseholdNo, limited)
			}
		}
		if used["public_posts"] > places[0].Places || used["rangers"] > places[1].Places || used["workshop_jobs"] > 0 || used["course_places"] > 0 {
			t.Fatalf("used %v of %v", used, places)
		}
		turned := slices.Clone(homes)
		slices.Reverse(turned)
		b, err := m.ProposeAll(t.Context(), turned, places)
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("the order of households changes the outcome: %v", err)
		}
		free, err := m.ProposeAll(t.Context(), homes, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range free.Proposals {
			i := slices.IndexFunc(homes, func(h Household) bool { return h.No == x.HouseholdNo })
			if alone := m.Propose(homes[i]); alone.Objective != x.Objective {
				t.Fatalf("%+v, alone %+v", x.Objective, alone.Objective)
			}
		}
	})
}

func BenchmarkProposeAll(b *testing.B) {
	p := guizhou()
	m := New(p)
	gen := rapid.Custom(func(t *rapid.T) Household { return drawHousehold(t, p) })
	var homes []Household
	for seed := range 5000 {
		h := gen.Example(seed)
		h.No = fmt.Sprintf("5226330%07d", seed)
		homes = append(homes, h)
	}
	places := []Places{{"public_posts", 0, 800}, {"rangers", 0, 300}, {"workshop_jobs", 0, 400}, {"course_places", 0, 500}}
	b.ResetTimer()
	for b.Loop() {
		if _, err := m.ProposeAll(b.Context(), homes, places); err != nil {
			b.Fatal(err)
		}
	}
}
