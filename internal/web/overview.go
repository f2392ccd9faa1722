package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/export"
	"shouwang/internal/web/view"
)

// overview is how a division stands.
func (s *Server) overview(v *visit) error {
	within, err := s.within(v)
	if err != nil {
		return err
	}
	o := view.Overview{Pack: s.app.Pack, Crumbs: s.crumbs(v, "/overview", within), Village: within.Level() == division.Village}
	if o.Overview, err = s.app.Screening().Overview(v.context(), within); err != nil {
		return err
	}
	o.Few = s.few(v)
	if o.Loop, err = s.loop(v, within); err != nil {
		return err
	}
	if o.Trend, err = s.app.Screening().Trend(v.context(), within, runsShown); err != nil {
		return err
	}
	p := s.frame(v, s.words.In(v.lang, "overview.title")+" · "+o.Total.Name, "overview")
	p.Scripts = []string{"picture.js"}
	if level := within.Level(); level <= division.Prefecture {
		if o.Counties, err = s.app.Screening().Areas(v.context(), within, division.County); err != nil {
			return err
		}
		p.Scripts = []string{"echarts.js", "map.js", "picture.js"}
	}
	return s.show(v, view.OverviewPage(p, o))
}

// overviewExport is the table of the divisions below as a file. It counts households and names nobody.
func (s *Server) overviewExport(v *visit) error {
	within, err := s.within(v)
	if err != nil {
		return err
	}
	o, err := s.app.Screening().Overview(v.context(), within)
	if err != nil {
		return err
	}
	t := func(key string) string { return s.words.In(v.lang, key) }
	few := view.Overview{Few: s.few(v)}
	figure := func(n int64) any {
		if text := few.Plain(n); strings.HasPrefix(text, "<") {
			return text
		}
		return n
	}
	header := []string{t("code"), t("place"), t("overview.households"), t("export.persons"), t("level.red"), t("level.yellow"), t("level.blue"), t("as_of.short")}
	return s.file(v, v.r.URL.Query().Get("format"), "overview-"+view.Code(within), t("overview.title"), header, func(w export.Writer) error {
		for _, a := range append(o.Areas, o.Total) {
			if err := w.Row(a.Division.Prefix(), a.Name, a.Households, a.Persons, figure(a.Red), figure(a.Yellow), figure(a.Blue), o.AsOf); err != nil {
				return err
			}
		}
		return nil
	})
}

// file answers a table as CSV or XLSX. The guard against formulas is export's.
func (s *Server) file(v *visit, format, name, title string, header []string, rows func(export.Writer) error) error {
	kind := map[string]string{"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}[format]
	if kind == "" {
		return errs.New(errs.Invalid, "文件格式只能是 csv 或 xlsx。", "the format is csv or xlsx.")
	}
	h := v.w.Header()
	out := &lazy{ResponseWriter: v.w, begin: func() {
		h.Set("Content-Type", kind)
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name+"."+format))
	}}
	w, err := export.New(format, out, title, header)
	if err != nil {
		return err
	}
	if err := rows(w); err != nil {
		if out.begun {
			panic(http.ErrAbortHandler) // the file is half sent: the browser must see that it is broken
		}
		return err
	}
	if err := w.Close(); err != nil && !out.begun {
		return err
	}
	return nil
}

// lazy sets headers only when there is something to send, so that an error before that is still a page.
type lazy struct {
	http.ResponseWriter
	begin func()
	begun bool
}

func (l *lazy) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.begin()
	}
	return l.ResponseWriter.Write(p)
}

// shapes are the outlines of counties, by code.
type shapes struct {
	counties map[string]json.RawMessage
	order    []string
}

// readShapes reads a GeoJSON collection whose features have properties code (six digits) and name.
func readShapes(text []byte) (*shapes, error) {
	var c struct {
		Features []json.RawMessage `json:"features"`
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "地图文件不是 GeoJSON", "the map file is not GeoJSON")
	}
	out := &shapes{counties: map[string]json.RawMessage{}}
	for i, f := range c.Features {
		var p struct {
			Properties struct {
				Code string `json:"code"`
			} `json:"properties"`
		}
		if err := json.Unmarshal(f, &p); err != nil || len(p.Properties.Code) != 6 {
			return nil, errs.Newf(errs.Invalid, "地图文件的第 %[1]d 个图形没有六位区划代码 properties.code", "feature %[1]d of the map file has no six-digit properties.code", i+1)
		}
		out.counties[p.Properties.Code] = f
		out.order = append(out.order, p.Properties.Code)
	}
	return out, nil
}

// mapShapes answers the outlines inside a division.
func (s *Server) mapShapes(v *visit) error {
	within, err := s.within(v)
	if err != nil {
		return err
	}
	features := []json.RawMessage{}
	for _, code := range s.shapes.order {
		county, err := division.Parse(code)
		if err == nil && (within == 0 || within.Contains(county)) {
			features = append(features, s.shapes.counties[code])
		}
	}
	text, err := json.Marshal(map[string]any{"type": "FeatureCollection", "features": features})
	if err != nil {
		return fmt.Errorf("web: map: %w", err)
	}
	v.w.Header().Set("Cache-Control", "private, max-age=86400")
	return s.send(v, "application/geo+json", text)
}
