package view

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

//go:embed words.yaml
var wordsFile []byte

// Words are the texts of the pages by key, in both languages.
type Words struct {
	texts map[string]policy.Text
}

// LoadWords reads the texts that are built into the program.
func LoadWords() (*Words, error) {
	raw := map[string]struct {
		ZH string `yaml:"zh"`
		EN string `yaml:"en"`
	}{}
	if err := yaml.UnmarshalWithOptions(wordsFile, &raw, yaml.Strict(), yaml.DisallowUnknownField()); err != nil {
		return nil, errs.Wrap(errs.Internal, err, "网页文字表有误", "the table of the pages' texts is wrong")
	}
	w := &Words{texts: map[string]policy.Text{}}
	for key, t := range raw {
		w.texts[key] = policy.Text{ZH: t.ZH, EN: t.EN}
	}
	return w, nil
}

// In gives the text of a key in a language, its arguments filled in. A key that is not there is shown as itself, which a test makes impossible.
func (w *Words) In(lang, key string, args ...any) string {
	t, ok := w.texts[key]
	if !ok {
		return key
	}
	text := t.ZH
	if lang == "en" {
		text = t.EN
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// JSON is both wordings of every key that begins so, for pages that are drawn by a script. It is safe inside a script element: '<' is escaped.
func (w *Words) JSON(begin string) (string, error) {
	text, err := json.Marshal(w.under(begin))
	if err != nil {
		return "", errs.Wrap(errs.Internal, err, "网页文字表有误", "the table of the pages' texts is wrong")
	}
	return string(text), nil
}

func (w *Words) under(begin string) map[string]policy.Text {
	out := map[string]policy.Text{}
	for key, t := range w.texts {
		if strings.HasPrefix(key, begin) {
			out[key] = t
		}
	}
	return out
}

// Text gives both wordings of a key.
func (w *Words) Text(key string) (policy.Text, bool) {
	t, ok := w.texts[key]
	return t, ok
}
