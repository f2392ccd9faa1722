package web

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/policy"
	"shouwang/internal/web/view"
)

// receiptsAPage is how many receipts one page lists.
const receiptsAPage = 50

// calendarMonths is how far the coverage calendar looks back.
const calendarMonths = 12

func (s *Server) dataTabs(v *visit, current string) view.DataTabs {
	return view.DataTabs{Current: current, Receipts: v.actor.May(account.IntakeRead) == nil, Upload: v.actor.May(account.IntakeUpload) == nil, Screening: s.config.Jobs != nil && v.actor.May(account.ScreenRun) == nil}
}

// datasets are the contracts that the reader has to do with: a department's officer, the department's own.
func (s *Server) datasets(v *visit) []*policy.Dataset {
	own, only := v.actor.DepartmentOnly()
	var out []*policy.Dataset
	for i := range s.app.Pack.Datasets {
		if ds := &s.app.Pack.Datasets[i]; !only || ds.Department == own {
			out = append(out, ds)
		}
	}
	return out
}

func (s *Server) departmentName(id string) policy.Text {
	if d := s.app.Pack.Department(id); d != nil {
		return d.Name
	}
	return policy.Text{ZH: id, EN: id}
}

// datasetOptions is a list to choose a dataset from.
func (s *Server) datasetOptions(v *visit, chosen, none string) []view.Option {
	var out []view.Option
	if none != "" {
		out = append(out, view.Option{Label: none})
	}
	for _, ds := range s.datasets(v) {
		out = append(out, view.Option{Value: ds.ID, Label: s.departmentName(ds.Department).In(v.lang) + " · " + ds.Name.In(v.lang), Chosen: ds.ID == chosen})
	}
	return out
}

// county is the county that an address asks about: the division's own, or 0 above counties.
func countyOf(code division.Code) division.Code { return code.At(division.County) }

// touches reports whether a county lies in the division or the division in the county.
func touches(within, county division.Code) bool {
	return within == 0 || within.Contains(county) || countyOf(within) == county
}

// calendar is the coverage calendar of the reader's counties.
func (s *Server) calendar(v *visit) error {
	within, err := s.within(v)
	if err != nil {
		return err
	}
	feeds, err := s.app.Intake().Completeness(v.context())
	if err != nil {
		return err
	}
	chosen := v.r.URL.Query().Get("dataset")
	c := view.Calendar{Tabs: s.dataTabs(v, "calendar"), Datasets: s.datasetOptions(v, chosen, s.words.In(v.lang, "filter.all"))}
	today := s.now()
	for i := 1 - calendarMonths; i <= 0; i++ {
		c.Months = append(c.Months, time.Date(today.Year(), today.Month()+time.Month(i), 1, 0, 0, 0, 0, time.UTC).Format("2006-01"))
	}
	counties := map[string]string{}
	var order []string
	for _, ds := range s.datasets(v) {
		if chosen != "" && ds.ID != chosen {
			continue
		}
		g := view.CalendarGroup{Name: ds.Name, Department: s.departmentName(ds.Department), Due: ds.Due}
		for _, f := range feeds {
			county, err := division.Parse(f.County)
			if err != nil || f.Dataset != ds.ID || v.actor.Division != 0 && !touches(v.actor.Division, county) {
				continue
			}
			if counties[f.County] == "" {
				counties[f.County] = f.CountyName
				order = append(order, f.County)
			}
			if touches(within, county) {
				g.Rows = append(g.Rows, f)
			}
		}
		if len(g.Rows) > 0 {
			c.Groups = append(c.Groups, g)
		}
	}
	slices.Sort(order)
	c.Counties = []view.Option{{Value: view.Code(v.actor.Division), Label: s.words.In(v.lang, "filter.all")}}
	for _, code := range order {
		county, err := division.Parse(code)
		c.Counties = append(c.Counties, view.Option{Value: code, Label: counties[code], Chosen: err == nil && countyOf(within) == county && within != v.actor.Division})
	}
	return s.show(v, view.CalendarPage(s.frame(v, s.words.In(v.lang, "data.calendar"), "data"), c))
}

// seesReceipt reports whether a receipt is the reader's: of the reader's division, and of the department's own feeds.
func (s *Server) seesReceipt(v *visit, r *intake.Receipt) bool {
	ds := s.app.Pack.Dataset(r.Dataset)
	if own, only := v.actor.DepartmentOnly(); only && (ds == nil || ds.Department != own) {
		return false
	}
	scope, err := division.Parse(r.Scope)
	if err != nil { // the file was of no one division: for those who see the whole region
		return v.actor.Division.Level() == division.Province
	}
	return v.actor.Within(scope)
}

// receiptList is the reader's receipts, the newest first.
func (s *Server) receiptList(v *visit) ([]intake.Receipt, error) {
	all, err := s.app.Intake().Receipts()
	if err != nil {
		return nil, err
	}
	var out []intake.Receipt
	for i := range all {
		if s.seesReceipt(v, &all[i]) {
			out = append(out, all[i])
		}
	}
	slices.SortStableFunc(out, func(a, b intake.Receipt) int { return b.Received.Compare(a.Received) })
	return out, nil
}

func (s *Server) receipts(v *visit) error {
	list, err := s.receiptList(v)
	if err != nil {
		return err
	}
	from, err := strconv.Atoi(v.r.URL.Query().Get("after"))
	if err != nil || from < 0 || from > len(list) {
		from = 0
	}
	l := view.Receipts{Tabs: s.dataTabs(v, "receipts"), Rows: list[from:]}
	if len(l.Rows) > receiptsAPage {
		l.Rows, l.Next = l.Rows[:receiptsAPage], strconv.Itoa(from+receiptsAPage)
	}
	return s.show(v, view.ReceiptsPage(s.frame(v, s.words.In(v.lang, "data.receipts"), "data"), l))
}

// oneReceipt finds a receipt of the reader's by its delivery.
func (s *Server) oneReceipt(v *visit) (intake.Receipt, error) {
	list, err := s.receiptList(v)
	if err != nil {
		return intake.Receipt{}, err
	}
	i := slices.IndexFunc(list, func(r intake.Receipt) bool { return r.Delivery == v.r.PathValue("delivery") })
	if i < 0 {
		return intake.Receipt{}, account.NotThere()
	}
	return list[i], nil
}

func (s *Server) receipt(v *visit) error {
	r, err := s.oneReceipt(v)
	if err != nil {
		return err
	}
	return s.showReceipt(v, http.StatusOK, r)
}

func (s *Server) showReceipt(v *visit, status int, r intake.Receipt) error {
	p := s.frame(v, s.words.In(v.lang, "receipt.title"), "data")
	if r.Delivery != "" {
		p.Here = "/data/receipts/" + r.Delivery
	}
	return s.write(v, status, view.OneReceiptPage(p, view.ReceiptPage{Tabs: s.dataTabs(v, "receipts"), Receipt: r, Rejects: v.actor.May(account.IntakeUpload) == nil}))
}

// rejects sends the rejected rows back. They are personal data in plain: for those who may deliver, and noted.
func (s *Server) rejects(v *visit) error {
	r, err := s.oneReceipt(v)
	if err != nil {
		return err
	}
	scope, err := division.Parse(r.Scope)
	if err != nil {
		scope = v.actor.Division
	}
	event := v.actor.Event("intake.rejects", "delivery", r.Delivery, scope)
	event.Detail = map[string]any{"dataset": r.Dataset, "rows": r.Rejected, "request": v.id}
	if err := s.record(v, event); err != nil {
		return err
	}
	h := v.w.Header()
	out := &lazy{ResponseWriter: v.w, begin: func() {
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="rejects.csv"`)
	}}
	if err := s.app.Intake().Rejects(v.context(), r.Delivery, out); err != nil {
		if out.begun {
			panic(http.ErrAbortHandler) // the file is half sent: the browser must see that it is broken
		}
		return err
	}
	return nil
}

func (s *Server) uploadPage(v *visit) error { return s.showUpload(v, http.StatusOK, nil) }

func (s *Server) showUpload(v *visit, status int, cause error) error {
	none := s.words.In(v.lang, "upload.by_header")
	u := view.UploadPage{Tabs: s.dataTabs(v, "upload"), Datasets: s.datasetOptions(v, "", none), Limit: s.config.MaxUpload}
	if v.actor.Division.Level() < division.County {
		u.Counties = []view.Option{{Label: s.words.In(v.lang, "upload.by_name")}}
		for _, d := range s.app.Tree.Counties(v.actor.Division) {
			u.Counties = append(u.Counties, view.Option{Value: d.Code.Prefix(), Label: d.Name})
		}
	}
	if cause != nil {
		u.Error = errs.Text(cause, v.lang)
	}
	p := s.frame(v, s.words.In(v.lang, "data.upload"), "data")
	p.Here = "/data/upload"
	return s.write(v, status, view.UploadFormPage(p, u))
}

// delivered is what an upload's form says. Its file has no name on this machine's disk that the sender could choose.
type delivered struct {
	dataset, scope, period string
	name                   string // as the sender calls it
	file                   *os.File
	size                   int64
}

// upload takes a file in and answers its receipt.
func (s *Server) upload(v *visit) error {
	d, err := s.receive(v)
	if d.file != nil {
		defer os.Remove(d.file.Name())
		defer d.file.Close()
	}
	var o intake.Options
	if err == nil {
		o, err = s.uploadOptions(v, d)
	}
	if err == nil {
		var r intake.Receipt
		if r, err = s.takeIn(v, d, o); err == nil {
			return s.uploaded(v, r)
		}
	}
	if kind := errs.KindOf(err); kind != errs.Invalid && kind != errs.NotFound && kind != errs.Refused {
		return err
	}
	return s.showUpload(v, http.StatusUnprocessableEntity, err)
}

// takeIn hands the file to intake when it is its turn; what the file turns out to be is held to what its sender may deliver.
func (s *Server) takeIn(v *visit, d delivered, o intake.Options) (intake.Receipt, error) {
	release, err := s.app.Batch(v.context())
	if err != nil {
		return intake.Receipt{}, err
	}
	defer release()
	return s.app.Intake().Upload(v.context(), intake.Upload{
		Name: d.name, Size: d.size,
		Open: func() (io.ReadCloser, error) { return os.Open(d.file.Name()) },
		Allow: func(ds *policy.Dataset, scope division.Code) error {
			if own, only := v.actor.DepartmentOnly(); only && ds.Department != own {
				return errs.Newf(errs.Refused, "这是%[1]s的数据，您只能报送本部门的数据。", "this is data of another department (%[2]s); you deliver your own department's only.",
					s.departmentName(ds.Department).ZH, s.departmentName(ds.Department).EN)
			}
			if scope == 0 && v.actor.Division.Level() >= division.County || scope != 0 && !v.actor.Within(scope) {
				return errs.New(errs.Refused, "文件名里的行政区划不在您负责的范围内。请核对文件名。", "the division in the file's name lies outside your area. Check the file's name.")
			}
			return nil
		},
	}, o)
}

// uploaded notes the delivery and shows its receipt.
func (s *Server) uploaded(v *visit, r intake.Receipt) error {
	event := v.actor.Event("intake.upload", "delivery", r.Delivery, v.actor.Division)
	event.Detail = map[string]any{"dataset": r.Dataset, "state": r.State, "rows": r.Rows, "rejected": r.Rejected, "batch": r.Batch}
	if err := s.record(v, event); err != nil {
		return err
	}
	if r.State == intake.Accepted && r.Delivery != "" && s.seesReceipt(v, &r) {
		return v.redirect("/data/receipts/" + r.Delivery)
	}
	return s.showReceipt(v, http.StatusUnprocessableEntity, r)
}

// receive reads the form's parts; the file goes to a temporary one of the data folder.
func (s *Server) receive(v *visit) (d delivered, err error) {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, s.config.MaxUpload+1<<20)
	parts, err := v.r.MultipartReader()
	if err != nil {
		return d, errs.New(errs.Invalid, "没有收到文件。请用本页的表单上传。", "no file came. Use the form of this page.")
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return d, tooLarge(err, s.config.MaxUpload)
		}
		switch part.FormName() {
		case "dataset":
			d.dataset, err = field(part)
		case "scope":
			d.scope, err = field(part)
		case "period":
			d.period, err = field(part)
		case "file":
			if d.file != nil || part.FileName() == "" {
				continue
			}
			d.name = part.FileName()
			if err := os.MkdirAll(s.app.Config.Temp(), 0o700); err != nil {
				return d, fmt.Errorf("web: upload: %w", err)
			}
			if d.file, err = os.CreateTemp(s.app.Config.Temp(), "upload-"); err != nil {
				return d, fmt.Errorf("web: upload: %w", err)
			}
			d.size, err = io.Copy(d.file, part)
		}
		if err != nil {
			return d, tooLarge(err, s.config.MaxUpload)
		}
	}
	if d.file == nil {
		return d, errs.New(errs.Invalid, "请选择要报送的文件。", "choose the file to deliver.")
	}
	return d, nil
}

func field(part *multipart.Part) (string, error) {
	text, err := io.ReadAll(io.LimitReader(part, 1000))
	return strings.TrimSpace(string(text)), err
}

// tooLarge tells a body that is too large from one that broke off.
func tooLarge(err error, limit int64) error {
	var large *http.MaxBytesError
	var known *errs.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &large):
		return errs.Newf(errs.Invalid, "文件超过 %[1]d MB。请按乡镇或月份拆开，分次报送。", "the file is larger than %[1]d MB. Split it by township or month and deliver the parts.", limit>>20)
	}
	return errs.Wrap(errs.Invalid, errs.New(errs.Invalid, "连接中断", "the connection broke off"), "上传没有完成，请重试", "the upload was not completed; try again")
}

// uploadOptions holds an upload to what its sender may deliver: the department's own feeds, for the sender's own division.
func (s *Server) uploadOptions(v *visit, d delivered) (intake.Options, error) {
	o := intake.Options{Dataset: d.dataset, Now: s.now()}
	if d.dataset != "" && s.app.Pack.Dataset(d.dataset) == nil {
		return o, errs.New(errs.Invalid, "没有这种数据。请在列表里选择。", "there is no such dataset. Choose one from the list.")
	}
	if d.period != "" {
		period, err := intake.ParsePeriod(d.period)
		if err != nil {
			return o, errs.New(errs.Invalid, "期次应写成 202610，或 202511-202610。", "write the period as 202610, or 202511-202610.")
		}
		o.Period = period
	}
	if own := v.actor.Division; own.Level() >= division.County {
		o.Scope = countyOf(own)
	}
	if d.scope != "" {
		code, err := division.Parse(d.scope)
		if err != nil || v.actor.Sees(code) != nil {
			return o, errs.New(errs.Invalid, "请选择您负责的县。", "choose a county of your own area.")
		}
		o.Scope = code
	}
	return o, nil
}

// requests is what departments are asked for.
func (s *Server) requests(v *visit) error {
	within, err := s.within(v)
	if err != nil {
		return err
	}
	o, err := s.app.Screening().Overview(v.context(), within)
	if err != nil {
		return err
	}
	own, only := v.actor.DepartmentOnly()
	q := view.Requests{Tabs: s.dataTabs(v, "requests"), Crumbs: s.crumbs(v, "/data/requests", within), AsOf: o.AsOf}
	for _, d := range o.Requests {
		if only && d.Department != own {
			continue
		}
		row := view.RequestRow{DataRequest: d, CountyName: s.app.Tree.Name(division.OfCounty(d.County)), DepartmentTitle: s.departmentName(d.Department), Name: policy.Text{ZH: d.Dataset, EN: d.Dataset}}
		if ds := s.app.Pack.Dataset(d.Dataset); ds != nil {
			row.Name = ds.Name
		}
		for _, id := range d.Rules {
			if r := s.app.Pack.Rule(id); r != nil {
				row.Rules = append(row.Rules, r.Name)
			}
		}
		q.Rows = append(q.Rows, row)
	}
	return s.show(v, view.RequestsPage(s.frame(v, s.words.In(v.lang, "data.requests"), "data"), q))
}
