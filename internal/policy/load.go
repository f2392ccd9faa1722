package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"shouwang/internal/expr"
)

// Names of the files of a pack. Every other YAML file is refused, so that a misspelt name is not silently ignored.
const (
	packFile       = "pack.yaml"
	parametersFile = "parameters.yaml"
	holidaysFile   = "holidays.yaml"
	datasetsDir    = "datasets"
	indicatorsDir  = "indicators"
	rulesDir       = "rules"
	checksDir      = "checks"
	measuresDir    = "measures"
)

// loader reads one pack. Decoding goes file by file; whatever needs another file waits in later until all are read.
type loader struct {
	p     *Pack
	errs  []*Error
	later []func()
	// claims are the names in use, by name space, with their first place.
	claims map[[2]string]node
	// broken are the kinds of file that have one which could not be read: references into them are not judged.
	broken map[string]bool

	datasets   []*Dataset
	indicators []*indicatorSource
	rules      []*Rule
	checks     []*Check
	workflow   *workflowSource
	measures   measureSource
}

// Load reads and checks the pack at the root of fsys. All that is wrong is reported together: the error joins one
// *Error for each fault (see Errors). Load reads only; it never panics, whatever the bytes.
func Load(fsys fs.FS) (*Pack, error) {
	l := newLoader()
	if err := l.read(fsys); err != nil {
		return nil, err
	}
	return l.check()
}

func newLoader() *loader {
	return &loader{p: &Pack{}, claims: map[[2]string]node{}, broken: map[string]bool{}}
}

// check decodes and judges the files that were read.
func (l *loader) check() (*Pack, error) {
	names := sortedNames(l.p.Files)
	if _, ok := l.p.Files[packFile]; !ok {
		l.report(packFile, 0, 0, "", "缺少此文件：这个文件夹是政策包吗？", "the file is missing: is this folder a policy pack?")
	}
	// pack.yaml first: the region and the lists of departments and risks are asked for by all others.
	if src, ok := l.p.Files[packFile]; ok {
		if root, ok := l.parseFile(packFile, src); ok {
			l.decodePack(root)
		} else {
			l.broken[packFile] = true
		}
	} else {
		l.broken[packFile] = true
	}
	for _, name := range names {
		decode := l.decoder(name)
		if decode == nil {
			continue
		}
		root, ok := l.parseFile(name, l.p.Files[name])
		if !ok {
			l.broken[path.Dir(name)] = true
			l.broken[name] = true
			continue
		}
		decode(root)
	}
	l.finish()
	if len(l.errs) > 0 {
		return nil, joinErrors(l.errs)
	}
	return l.p, nil
}

// decoder returns what reads the named file: nil for pack.yaml (read already), for files that are not YAML, and for
// unknown YAML files, which are reported.
func (l *loader) decoder(name string) func(node) {
	switch name {
	case packFile:
		return nil
	case parametersFile:
		return l.decodeParameters
	case holidaysFile:
		return l.decodeHolidays
	case workflowFile:
		return l.decodeWorkflow
	}
	ext := strings.ToLower(path.Ext(name))
	if ext == ".yaml" && path.Ext(name) == ext {
		switch path.Dir(name) {
		case datasetsDir:
			return l.decodeDataset
		case indicatorsDir:
			return l.decodeIndicators
		case rulesDir:
			return l.decodeRules
		case checksDir:
			return l.decodeChecks
		case measuresDir:
			return l.decodeMeasures
		}
	}
	if ext == ".yaml" || ext == ".yml" {
		l.report(name, 0, 0, "", "政策包里没有这种文件；可用：pack.yaml、parameters.yaml、holidays.yaml、workflow.yaml，以及 datasets、indicators、rules、checks、measures 下的 *.yaml",
			"a pack has no such file; known: pack.yaml, parameters.yaml, holidays.yaml, workflow.yaml, and *.yaml in datasets, indicators, rules, checks, measures")
	}
	return nil
}

// read takes every file of the pack into memory, within the limits. Names that begin with '.' or '_' are left out: they
// belong to editors and systems, and an embedded pack never has them.
func (l *loader) read(fsys fs.FS) error {
	l.p.Files = map[string][]byte{}
	total := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := path.Base(name); name != "." && (base[0] == '.' || base[0] == '_') {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		if len(l.p.Files) == maxPackFiles {
			l.report(name, 0, 0, "", "政策包的文件超过 %[1]d 个", "the pack has more than %[1]d files", maxPackFiles)
			return fs.SkipAll
		}
		src, err := readLimited(fsys, name)
		if err != nil {
			return err
		}
		if src == nil {
			l.report(name, 0, 0, "", "文件超过 %[1]d 字节", "the file has more than %[1]d bytes", maxFileBytes)
			return nil
		}
		if total += len(src); total > maxPackBytes {
			l.report(name, 0, 0, "", "政策包超过 %[1]d 字节", "the pack has more than %[1]d bytes", maxPackBytes)
			return fs.SkipAll
		}
		l.p.Files[name] = src
		return nil
	})
	if err != nil {
		var pe *fs.PathError
		name := "."
		if errors.As(err, &pe) {
			name = pe.Path
		}
		return errors.Join(&Error{File: name, ZH: "无法读取政策包：" + err.Error(), EN: "the pack cannot be read: " + err.Error()})
	}
	l.p.Hash = HashFiles(l.p.Files)
	return nil
}

// readLimited returns nil for a file that is too large.
func readLimited(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	if len(src) > maxFileBytes {
		return nil, nil
	}
	if src == nil {
		src = []byte{}
	}
	return src, nil
}

func sortedNames(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// HashFiles is the digest of a pack's files (Pack.Hash): SHA-256 over each file in name order: length of the name, name, length of the content, content. The
// lengths (64-bit big-endian) keep two different packs from giving the same stream.
func HashFiles(files map[string][]byte) string {
	h := sha256.New()
	put := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for _, name := range sortedNames(files) {
		put([]byte(name))
		put(files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// claim takes a name in a name space and reports when it is taken.
func (l *loader) claim(space, name string, v node) bool {
	if name == "" {
		return false
	}
	key := [2]string{space, name}
	if first, taken := l.claims[key]; taken {
		v.fail("“%[1]s”已经用过（%[2]s 第 %[3]d 行）", "%[1]q is used already (%[2]s line %[3]d)", clip(name), first.file, first.line())
		return false
	}
	l.claims[key] = v
	return true
}

func (l *loader) has(space, name string) bool {
	_, ok := l.claims[[2]string{space, name}]
	return ok
}

// wait defers a check until every file is read.
func (l *loader) wait(f func()) { l.later = append(l.later, f) }

// refer reports a field that names something unknown. file is the kind of file that would define it.
func (l *loader) refer(o object, key, space, file, whatZH, whatEN string) {
	v, ok := o.fields[key]
	if !ok {
		return
	}
	name, ok := v.n.(interface{ GetValue() any })
	if !ok {
		return
	}
	s, ok := name.GetValue().(string)
	if !ok || s == "" {
		return
	}
	l.wait(func() {
		if !l.broken[file] && !l.has(space, strings.TrimSpace(s)) {
			v.fail("没有这个%[1]s：“%[3]s”", "no such %[2]s: %[3]q", whatZH, whatEN, clip(s))
		}
	})
}

func (l *loader) decodePack(root node) {
	o, ok := root.object("name", "region", "version", "title", "examples_as_of", "departments", "risks")
	if !ok {
		l.broken[packFile] = true
		return
	}
	p := l.p
	p.Name = o.id("name")
	p.Version = o.text("version", true)
	p.Title = o.bilingual("title", true, true)
	p.ExamplesAsOf = o.date("examples_as_of", false)
	if v, ok := o.need("region"); ok {
		if s, ok := v.text(); ok {
			if code, ok := canonicalDivision(s); ok {
				p.Region = code
			} else {
				v.fail("“%[1]s”不是区划代码（2、4、6、9 或 12 位数字）", "%[1]q is not a division code (2, 4, 6, 9 or 12 digits)", clip(s))
			}
		}
	}
	for _, v := range o.list("departments", true) {
		if d, ok := v.object("id", "zh", "en"); ok {
			dep := Department{ID: d.id("id"), Name: d.names(true, true)}
			l.claim("department", dep.ID, v)
			l.claim("department name", dep.Name.ZH, v)
			p.Departments = append(p.Departments, dep)
		}
	}
	for _, v := range o.list("risks", true) {
		if r, ok := v.object("id", "code", "zh", "en"); ok {
			risk := Risk{ID: r.id("id"), Code: r.text("code", true), Name: r.names(true, true)}
			l.claim("risk", risk.ID, v)
			l.claim("risk code", risk.Code, v)
			l.claim("risk name", risk.Name.ZH, v)
			p.Risks = append(p.Risks, risk)
		}
	}
}

func (l *loader) decodeHolidays(root node) {
	o, ok := root.object("holidays")
	if !ok {
		return
	}
	for _, v := range o.list("holidays", true) {
		h, ok := v.object("date", "work", "zh", "en")
		if !ok {
			continue
		}
		day := Holiday{Date: h.date("date", true), Work: h.boolean("work"), Name: h.names(true, false)}
		if day.Date.IsZero() {
			continue
		}
		l.claim("holiday", day.Date.Format(time.DateOnly), v)
		if wd := day.Date.Weekday(); day.Work && wd != time.Saturday && wd != time.Sunday {
			v.fail("补班日应在周末，%[1]s 是工作日", "a make-up work day is at a week-end, %[1]s is not", day.Date.Format(time.DateOnly))
		}
		l.p.Holidays = append(l.p.Holidays, day)
	}
	slices.SortFunc(l.p.Holidays, func(a, b Holiday) int { return a.Date.Compare(b.Date) })
}

// finish builds the environments, compiles every expression and runs the waiting checks.
func (l *loader) finish() {
	p := l.p
	for _, d := range l.datasets {
		p.Datasets = append(p.Datasets, *d)
	}
	for i := range p.Parameters {
		p.Parameters[i].Values = slices.Clip(p.Parameters[i].Values)
	}
	for _, s := range l.indicators {
		p.Indicators = append(p.Indicators, s.Indicator)
	}
	l.buildEnvs()
	if l.workflow != nil {
		l.buildWorkflowEnv(l.workflow)
	}
	for _, f := range l.later {
		f()
	}
	l.compileIndicators()
	for _, r := range l.rules {
		p.Rules = append(p.Rules, *r)
	}
	for _, c := range l.checks {
		p.Checks = append(p.Checks, *c)
	}
	l.finishMeasures()
	// The checked row conditions were written through the pointers.
	for i, d := range l.datasets {
		p.Datasets[i] = *d
	}
}

// compile type-checks the expression at v. The place of an error inside the text is added to the place of the value.
func (l *loader) compile(env *expr.Env, v node, want expr.Type) *expr.Checked {
	src, ok := v.raw()
	if !ok || env == nil {
		return nil
	}
	if strings.TrimSpace(src) == "" {
		v.fail("表达式是空的", "the expression is empty")
		return nil
	}
	c, err := env.Check(src, want)
	if err == nil {
		return c
	}
	line, col := position(v.n)
	zh, en := err.Error(), err.Error()
	var xe *expr.Error
	if errors.As(err, &xe) {
		zh, en = exprText(xe)
		line, col = exprPlace(v, src, line, col, xe)
	}
	l.report(v.file, line, col, v.path, "%[1]s", "%[2]s", zh, en)
	return nil
}
