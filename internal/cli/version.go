package cli

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
)

// versionDocument is the JSON document of version.
type versionDocument struct {
	Version  string `json:"version"`  // of the module; "devel" for a build from a work tree
	Revision string `json:"revision"` // of the source, "" when the build doesn't know it
	Modified bool   `json:"modified"` // the work tree had changes
	Go       string `json:"go"`       // version of Go
	Platform string `json:"platform"` // system/architecture
	Pack     struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Hash    string `json:"hash"` // SHA-256 of the pack, hex
	} `json:"pack"`
}

func newVersionCommand(e *env) *cobra.Command {
	return e.command("version", words{
		zh: "显示程序和内置政策包的版本", en: "show the version of the program and of its built-in pack",
		longZH:  "显示程序版本、源码修订号、Go 版本、平台，以及内置政策包的名称、版本和内容散列值。",
		longEN:  "Shows the program's version, source revision, Go version and platform, and the built-in pack's name, version and content hash.",
		example: "shouwang version\nshouwang version --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runVersion(ctx) })
}

func runVersion(context.Context) (*versionDocument, error) {
	v := &versionDocument{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	pack, err := app.LoadPack("")
	if err != nil {
		return nil, err
	}
	v.Pack.Name, v.Pack.Version, v.Pack.Hash = pack.Name, pack.Version, pack.Hash
	return v, nil
}

func (v *versionDocument) text(w *page) {
	w.linef("shouwang %s  %s  %s", v.Version, v.Go, v.Platform)
	if v.Revision != "" {
		w.linef("%s %s", w.t("源码修订", "source revision"), v.Revision)
	}
	w.linef(w.t("内置政策包 %s %s（%.12s）", "built-in pack %s %s (%.12s)"), v.Pack.Name, v.Pack.Version, v.Pack.Hash)
}
