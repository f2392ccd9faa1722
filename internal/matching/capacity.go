package matching

import (
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

// ReadPlaces reads limited places from CSV with a header line: pool, division, places (名额, 行政区划, 数量). The division is a code;
// empty means the whole area. Errors name the line: errs.Invalid.
func ReadPlaces(r io.Reader, p *policy.Pack) ([]Places, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	in.FieldsPerRecord = -1
	out := []Places{}
	seen := map[Places]bool{}
	column := map[string]int{}
	for first := true; ; first = false {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			if first {
				return nil, errs.New(errs.Invalid, "名额文件是空的", "the file of places is empty")
			}
			return out, nil
		}
		line, _ := in.FieldPos(0)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "名额文件不是 CSV", "the file of places is not CSV")
		}
		if first {
			for i, name := range row {
				name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
				if id := map[string]string{"pool": "pool", "名额": "pool", "division": "division", "行政区划": "division", "places": "places", "数量": "places"}[name]; id != "" {
					column[id] = i
				}
			}
			if len(column) != 3 {
				return nil, errs.New(errs.Invalid, "名额文件第 1 行应为列名 pool,division,places", "line 1 of the file of places must name the columns pool,division,places")
			}
			continue
		}
		cell := func(id string) string {
			if i := column[id]; i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		one := Places{Pool: cell("pool")}
		pool := p.Pool(one.Pool)
		for i := range p.Measures.Pools {
			if p.Measures.Pools[i].Name.ZH == one.Pool {
				pool = &p.Measures.Pools[i]
			}
		}
		if pool == nil {
			return nil, errs.Newf(errs.Invalid, "名额文件第 %[1]d 行：政策包里没有名额“%[2]s”", "line %[1]d of the file of places: the pack has no pool %[2]q", line, one.Pool)
		}
		one.Pool = pool.ID
		if text := cell("division"); text != "" {
			if one.Division, err = division.Parse(text); err != nil {
				return nil, errs.Newf(errs.Invalid, "名额文件第 %[1]d 行：“%[2]s”不是区划代码", "line %[1]d of the file of places: %[2]q is no division code", line, text)
			}
		}
		if one.Places, err = strconv.Atoi(cell("places")); err != nil || one.Places < 0 || one.Places > 1_000_000 {
			return nil, errs.Newf(errs.Invalid, "名额文件第 %[1]d 行：数量应为 0 到 1000000 的整数", "line %[1]d of the file of places: the number must be whole, from 0 to 1000000", line)
		}
		key := Places{Pool: one.Pool, Division: one.Division}
		if seen[key] {
			return nil, errs.Newf(errs.Invalid, "名额文件第 %[1]d 行：这个名额和区划前面已经有了", "line %[1]d of the file of places: this pool and division stand above already", line)
		}
		seen[key] = true
		out = append(out, one)
	}
}
