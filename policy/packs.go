// Package packs holds the policy packs that ship with the program. It owns the embedded files and nothing else; package
// policy gives them a meaning.
package packs

import (
	"embed"
	"io/fs"
)

// An embedded folder leaves out names that begin with '.' or '_', as the loader does.
//
//go:embed guizhou
var files embed.FS

// Guizhou returns the policy pack of Guizhou province, rooted at the folder that holds its pack.yaml.
func Guizhou() fs.FS {
	sub, err := fs.Sub(files, "guizhou")
	if err != nil {
		panic(err) // the name is a constant that go:embed has checked
	}
	return sub
}
