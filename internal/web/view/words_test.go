package view

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// used finds the keys that the sources name: whole ones, and beginnings that something is added to.
var (
	whole = regexp.MustCompile(`(?:\bT\(|\bt\(|words\.In\([\w.]+, |words\.Text\(|Words\.JSON\()"([a-z_.]+)"([^"]?)`)
	named = regexp.MustCompile(`"([a-z_]+(?:\.[a-z_]+)+)"`)
	args  = regexp.MustCompile(`%\[\d\]s`)
)

// TestWords: every key that the sources use is there in both languages with the same arguments, and no key is left over.
func TestWords(t *testing.T) {
	w, err := LoadWords()
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, pattern := range []string{"*.templ", "*.go", "../*.go"} {
		list, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, list...)
	}
	keys, beginnings := map[string]bool{}, map[string]bool{}
	for _, path := range sources {
		if strings.HasSuffix(path, "_templ.go") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range whole.FindAllStringSubmatch(string(text), -1) {
			if strings.HasSuffix(m[1], ".") {
				beginnings[m[1]] = true
				continue
			}
			keys[m[1]] = true
			if _, ok := w.Text(m[1]); !ok {
				t.Errorf("%s uses %q, which words.yaml does not have", path, m[1])
			}
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			keys[m[1]] = true
		}
	}
	for key, text := range w.texts {
		if text.ZH == "" || text.EN == "" {
			t.Errorf("%s lacks a language", key)
		}
		zh, en := args.FindAllString(text.ZH, -1), args.FindAllString(text.EN, -1)
		slices.Sort(zh)
		slices.Sort(en)
		if !slices.Equal(zh, en) {
			t.Errorf("%s takes %v in Chinese and %v in English", key, zh, en)
		}
		known := keys[key]
		for b := range beginnings {
			known = known || strings.HasPrefix(key, b)
		}
		if !known {
			t.Errorf("%s is used nowhere", key)
		}
	}
}

// TestWordsOfScripts: every text that the phone's scripts ask for is there, and none is left over.
func TestWordsOfScripts(t *testing.T) {
	w, err := LoadWords()
	if err != nil {
		t.Fatal(err)
	}
	list, err := filepath.Glob("../assets/own/phone*.js")
	if err != nil || len(list) == 0 {
		t.Fatal("no scripts", err)
	}
	page, err := os.ReadFile("phone.templ")
	if err != nil {
		t.Fatal(err)
	}
	all := string(page)
	if handlers, err := os.ReadFile("../phone.go"); err == nil {
		all += string(handlers)
	}
	asked, beginnings := map[string]bool{}, []string{}
	ask := regexp.MustCompile(`\bT\("([a-z_.]+)"`)
	for _, path := range list {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ask.FindAllStringSubmatch(string(text), -1) {
			if strings.HasSuffix(m[1], ".") {
				beginnings = append(beginnings, "phone."+m[1])
				continue
			}
			asked["phone."+m[1]] = true
			if _, ok := w.Text("phone." + m[1]); !ok {
				t.Errorf("%s asks for phone.%s, which words.yaml does not have", path, m[1])
			}
		}
	}
	for key := range w.under("phone.") {
		begins := slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(key, b) })
		if !asked[key] && !begins && !strings.Contains(all, `"`+key+`"`) {
			t.Errorf("%s is asked for by no script", key)
		}
	}
}
