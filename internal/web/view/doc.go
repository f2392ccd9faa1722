// Package view is what the pages look like: one typed struct and one templ component a page, the layout around them, the words in both languages,
// and the storybook's canned data.
//
// It owns markup and wording. It never opens a store, never decides who may see what, and never reads a request: the handlers of package web give it everything.
package view
