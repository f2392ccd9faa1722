package division_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"shouwang/internal/division"
	"shouwang/internal/errs"
)

const (
	guizhou     division.Code = 520000000000
	qiandongnan division.Code = 522600000000
	congjiang   division.Code = 522633000000
	xishan      division.Code = 522633105000
	dingdong    division.Code = 522633105209
)

func load(t testing.TB) *division.Tree {
	t.Helper()
	tree, err := division.Load()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestCodeParts(t *testing.T) {
	type parts struct {
		Level          division.Level
		Prefix, String string
		Parent         division.Code
		Lo, Hi         int64
		County         int32
		Prefecture     division.Code
	}
	for c, want := range map[division.Code]parts{
		guizhou:           {division.Province, "52", "520000", 0, 520000000000, 529999999999, 0, 0},
		qiandongnan:       {division.Prefecture, "5226", "522600", guizhou, 522600000000, 522699999999, 0, qiandongnan},
		congjiang:         {division.County, "522633", "522633", qiandongnan, 522633000000, 522633999999, 522633, qiandongnan},
		xishan:            {division.Township, "522633105", "522633105", congjiang, 522633105000, 522633105999, 522633, qiandongnan},
		dingdong:          {division.Village, "522633105209", "522633105209", xishan, 522633105209, 522633105209, 522633, qiandongnan},
		0:                 {division.None, "", "", 0, 0, 999999999999, 0, 0},
		-1:                {division.None, "", "", 0, 1, 0, 0, 0},
		1_000_000_000_000: {division.None, "", "", 0, 1, 0, 0, 0},
	} {
		got := parts{Level: c.Level(), Prefix: c.Prefix(), String: c.String(), Parent: c.Parent(), County: c.County(), Prefecture: c.Prefecture()}
		got.Lo, got.Hi = c.Range()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d:\n%s", int64(c), diff)
		}
	}
	if division.OfCounty(522633) != congjiang {
		t.Error("OfCounty")
	}
	if dingdong.At(division.County) != congjiang || congjiang.At(division.Village) != 0 || dingdong.At(division.None) != 0 {
		t.Error("At")
	}
	for _, c := range []struct {
		above, below division.Code
		want         bool
	}{{congjiang, dingdong, true}, {congjiang, congjiang, true}, {dingdong, congjiang, false}, {0, dingdong, true}, {-5, dingdong, false},
		{congjiang, 522634000000, false}, {congjiang, 522632999999, false}} {
		if got := c.above.Contains(c.below); got != c.want {
			t.Errorf("%v contains %v = %v", c.above, c.below, got)
		}
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]division.Code{
		"52": guizhou, "520000": guizhou, "5226": qiandongnan, "522600": qiandongnan, "522633": congjiang, "522633000": congjiang, "522633000000": congjiang,
		"522633105": xishan, "522633105000": xishan, "522633105209": dingdong, " ５２２６３３　": congjiang, "522633 105\t209": dingdong, "522633001001": 522633001001,
	} {
		if got, err := division.Parse(in); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "5", "522", "52263", "5226331052090", "52263x", "-52263", "00", "000000", "090000", "从江县", "520001", "522600105000", "522633000209", "5.22633E+11"} {
		got, err := division.Parse(in)
		if errs.KindOf(err) != errs.Invalid || got != 0 {
			t.Errorf("Parse(%q) = %d, %v, want an error", in, got, err)
		}
	}
	for _, secret := range []string{"张某某", "110105194912310021", "13800001234"} {
		_, err := division.Parse(secret)
		if text := errs.Text(err, "zh") + errs.Text(err, "en"); strings.Contains(text, secret) || strings.Contains(text, secret[6:]) {
			t.Errorf("the message shows what stood there: %s", text)
		}
	}
}

// The counts are those of the source's own description.
func TestTable(t *testing.T) {
	tree := load(t)
	kinds := map[string]int{}
	total := 0
	for level, want := range map[division.Level]int{division.Province: 1, division.Prefecture: 9, division.County: 88, division.Township: 1510, division.Village: 17964} {
		list := tree.At(level, 0)
		if len(list) != want {
			t.Errorf("%d of level %v, want %d", len(list), level, want)
		}
		total += len(list)
		for _, d := range list {
			kinds[d.Kind]++
			if d.Level != level || d.Code.Level() != level || d.Parent != d.Code.Parent() || d.Name == "" {
				t.Fatalf("odd row %+v", d)
			}
			if got, ok := tree.Get(d.Code); !ok || got != d {
				t.Fatalf("Get(%v) = %+v, %v", d.Code, got, ok)
			}
		}
	}
	if total != 19572 {
		t.Errorf("%d divisions in all", total)
	}
	want := map[string]int{"province": 1, "prefecture_city": 6, "autonomous_prefecture": 3, "county": 50, "autonomous_county": 11, "city": 10, "district": 16,
		"special_district": 1, "town": 831, "street": 365, "township": 122, "ethnic_township": 192, "village": 13687, "quasi_village": 2, "community": 4275}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	for code, name := range map[division.Code]string{guizhou: "贵州省", congjiang: "从江县", xishan: "西山镇", dingdong: "顶洞村村民委员会"} {
		if d, ok := tree.Get(code); !ok || d.Name != name {
			t.Errorf("%v is %q, want %q", code, d.Name, name)
		}
	}
	for _, name := range []string{"桴㯊镇", "㵲水街道"} { // characters outside GBK
		if _, ok, _ := tree.Find(name, 0); !ok {
			t.Errorf("%s is not found", name)
		}
	}
	for _, c := range []division.Code{0, -1, 522633105210, 530000000000, 1 << 50, math.MinInt64} {
		if d, ok := tree.Get(c); ok {
			t.Errorf("Get(%d) = %+v", c, d)
		}
	}
}

func TestNavigation(t *testing.T) {
	tree := load(t)
	if diff := cmp.Diff([]string{"贵州省", "黔东南苗族侗族自治州", "从江县", "西山镇", "顶洞村"}, tree.Path(dingdong)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"贵州省", "黔东南苗族侗族自治州", "从江县", "西山镇"}, tree.Path(522633105999)); diff != "" {
		t.Error(diff)
	}
	if got := tree.Path(0); got != nil {
		t.Errorf("Path(0) = %v", got)
	}
	if tree.Name(dingdong) != "顶洞村" || tree.Name(522633999000) != "522633999" {
		t.Error("Name")
	}
	var names []string
	for _, d := range tree.Children(xishan) {
		names = append(names, d.Short())
	}
	if diff := cmp.Diff([]string{"西山社区", "坪寨村", "陡寨村", "滚郎村", "岑杠村", "务林村", "顶洞村", "小丑村", "三合村", "香樟村", "高瑶村"}, names); diff != "" {
		t.Error(diff)
	}
	if got := len(tree.Children(0)); got != 1 {
		t.Errorf("%d provinces", got)
	}
	if got := len(tree.Children(qiandongnan)); got != 16 {
		t.Errorf("%d counties in Qiandongnan, want 16", got)
	}
	if tree.Children(dingdong) != nil || tree.Children(-1) != nil {
		t.Error("children of a village, or of nothing")
	}
	if got := tree.Villages(dingdong); len(got) != 1 || got[0].Code != dingdong {
		t.Errorf("Villages of a village = %v", got)
	}
	if got := len(tree.Villages(xishan)); got != 11 {
		t.Errorf("%d villages in Xishan", got)
	}
	// Every village is in exactly one county's list, and the lists agree with the parents.
	seen := 0
	for _, county := range tree.Counties(0) {
		for _, v := range tree.Villages(county.Code) {
			seen++
			if v.Parent.Parent() != county.Code {
				t.Fatalf("%v is listed under %v", v.Code, county.Code)
			}
		}
	}
	if seen != 17964 {
		t.Errorf("%d villages under the counties", seen)
	}
	if got := len(tree.Villages(-1)); got != 0 {
		t.Errorf("%d villages under nothing", got)
	}
}

func TestFind(t *testing.T) {
	tree := load(t)
	for _, c := range []struct {
		name      string
		within    division.Code
		want      division.Code
		ambiguous bool
	}{
		{"从江县西山镇顶洞村", 0, dingdong, false},
		{"西山镇顶洞村", congjiang, dingdong, false},
		{"顶洞村", congjiang, dingdong, false},
		{"顶洞村", xishan, dingdong, false},
		{"顶洞村村民委员会", congjiang, dingdong, false},
		{"顶洞村村委会", congjiang, dingdong, false},
		{"顶洞村民委员会", congjiang, dingdong, false},
		{"顶洞村委会", congjiang, dingdong, false},
		{"顶洞", congjiang, dingdong, false},
		{"贵州省黔东南苗族侗族自治州从江县西山镇顶洞村", 0, dingdong, false},
		{"贵州省/黔东南州/从江县/西山镇/顶洞村", 0, dingdong, false},
		{"贵州 黔东南 从江 西山 顶洞", 0, dingdong, false},
		{"　西山镇　顶洞村\n", congjiang, dingdong, false},
		{"５２２６３３１０５２０９", 0, dingdong, false},
		{"522633105", 0, xishan, false},
		{"522633105", 520100000000, 0, false}, // not there
		{"522633999", 0, 0, false},            // no such township
		{"西山镇", congjiang, xishan, false},
		{"西山社区", congjiang, 522633105001, false},
		{"西山社区居委会", congjiang, 522633105001, false},
		{"西山居委会", xishan, 522633105001, false},
		{"从江县", 0, congjiang, false},
		{"从江", 0, congjiang, false},
		{"关岭布依族苗族自治县", 0, 520424000000, false},
		{"关岭县", 0, 520424000000, false},
		{"黔东南州", 0, qiandongnan, false},
		{"贵州", 0, guizhou, false},
		{"刚边壮族乡", congjiang, 522633204000, false},
		{"刚边乡", congjiang, 522633204000, false},
		{"翠里瑶族壮族乡高武村", congjiang, 522633208212, false},
		{"翠里乡高武村", congjiang, 522633208212, false},
		{"丙梅街道办事处", congjiang, 522633001000, false},
		{"八村村", congjiang, 522633206214, false},
		{"高武村", congjiang, 0, true}, // in 谷坪乡 and in 翠里瑶族壮族乡
		{"三合村", congjiang, 0, true}, // in 下江镇 and in 西山镇
		{"西山镇三合村", congjiang, 522633105215, false},
		{"三合村", xishan, 522633105215, false},
		{"贯洞", congjiang, 0, true}, // a town, a community and a village
		{"从江西山", 0, 0, true},       // the town or the community in it
		{"从江西山顶洞", 0, dingdong, false},
		{"贯洞村", congjiang, 522633101200, false},
		{"新华村", 0, 0, true},
		{"下江镇顶洞村", congjiang, 0, false}, // the village lies in another town
		{"顶洞村", 520100000000, 0, false},
		{"西山镇某某村", congjiang, 0, false},
		{"顶洞村一组", congjiang, 0, false},
		{"", 0, 0, false},
		{"村", 0, 0, false},
		{"村民委员会", 0, 0, false},
		{"摆王村", 522632210000, 522632210501, false},
	} {
		got, ok, ambiguous := tree.Find(c.name, c.within)
		if got != c.want || ok != (c.want != 0) || ambiguous != c.ambiguous {
			t.Errorf("Find(%q, %v) = %d, %v, %v, want %d, ambiguous %v", c.name, c.within, int64(got), ok, ambiguous, int64(c.want), c.ambiguous)
		}
	}
	var offered []division.Code
	for _, d := range tree.Candidates("三合村", congjiang) {
		offered = append(offered, d.Code)
	}
	if diff := cmp.Diff([]division.Code{522633103246, 522633105215}, offered); diff != "" {
		t.Error(diff)
	}
	if got := tree.Candidates("", 0); len(got) != 0 {
		t.Errorf("Candidates of nothing = %v", got)
	}
}

// Each village of the province is found by its whole path, official or short, unless a sister of the same name stands beside it;
// then it is said to be ambiguous.
func TestEveryVillageIsFoundByItsPath(t *testing.T) {
	tree := load(t)
	namesakes := map[string]int{}
	for _, v := range tree.Villages(0) {
		namesakes[fmt.Sprint(v.Parent, v.Short())]++
	}
	twins := 0
	for _, v := range tree.Villages(0) {
		path := tree.Path(v.Code)
		short := strings.Join(path, "")
		official := strings.Join(path[:len(path)-1], " ") + " " + v.Name
		unique := namesakes[fmt.Sprint(v.Parent, v.Short())] == 1
		if !unique {
			twins++
		}
		for _, name := range []string{short, official, strings.Join(path[2:], "")} {
			got, ok, ambiguous := tree.Find(name, 0)
			if unique && (!ok || got != v.Code) || !unique && (ok || !ambiguous) {
				t.Errorf("Find(%s) = %v, %v, %v; it is %v, unique %v", name, got, ok, ambiguous, v.Code, unique)
			}
		}
	}
	if twins > 0 {
		t.Errorf("%d villages share their name with one beside them; in this table none does", twins)
	}
}

// What Find answers lies under within, and is one of the candidates.
func TestFindStaysWithin(t *testing.T) {
	tree := load(t)
	villages := tree.Villages(0)
	rapid.Check(t, func(t *rapid.T) {
		v := villages[rapid.IntRange(0, len(villages)-1).Draw(t, "village")]
		other := villages[rapid.IntRange(0, len(villages)-1).Draw(t, "other")]
		scope := other.Code.At(division.Level(rapid.IntRange(1, 5).Draw(t, "level")))
		code, ok, ambiguous := tree.Find(v.Short(), scope)
		n := len(tree.Candidates(v.Short(), scope))
		if ok && (!scope.Contains(code) || n != 1) || ambiguous && n < 2 || !ok && !ambiguous && (n != 0 || scope.Contains(v.Code)) {
			t.Fatalf("Find(%s, %v) = %v, %v, %v; %d candidates", v.Short(), scope, code, ok, ambiguous, n)
		}
	})
}

func FuzzFind(f *testing.F) {
	tree := load(f)
	for _, s := range []string{"西山镇顶洞村", "522633", "村委会", "\xff村", "/", "贵州贵州贵州贵州"} {
		f.Add(s, int64(congjiang))
	}
	f.Fuzz(func(t *testing.T, s string, within int64) {
		code, ok, ambiguous := tree.Find(s, division.Code(within))
		if ok == (code == 0) || ok && ambiguous {
			t.Fatalf("Find(%q, %d) = %v, %v, %v", s, within, code, ok, ambiguous)
		}
		if c, err := division.Parse(s); err == nil {
			if again, err := division.Parse(c.String()); err != nil || again != c {
				t.Fatalf("%v does not read back: %v, %v", c, again, err)
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load(b)
	}
}

func BenchmarkFirstFind(b *testing.B) {
	for b.Loop() {
		load(b).Find("西山镇顶洞村", congjiang)
	}
}

func BenchmarkFind(b *testing.B) {
	tree := load(b)
	b.ReportAllocs()
	for b.Loop() {
		tree.Find("西山镇顶洞村", congjiang)
	}
}

func BenchmarkGet(b *testing.B) {
	tree := load(b)
	for b.Loop() {
		tree.Get(dingdong)
	}
}
