package policy

import (
	"io/fs"
	"maps"
	"path"
	"slices"
)

// LoadFiles is Load over files in memory, by slash path: a pack with changed texts laid over it. The texts are kept, not copied.
func LoadFiles(files map[string][]byte) (*Pack, error) {
	l := newLoader()
	l.p.Files = make(map[string][]byte, len(files))
	total := 0
	for _, name := range sortedNames(files) {
		base := path.Base(name)
		switch total += len(files[name]); {
		case !fs.ValidPath(name) || name == "." || base[0] == '.' || base[0] == '_':
			l.report(clip(name), 0, 0, "", "文件名不行：应为相对路径，名字不以 . 或 _ 开头", "the file's name does not do: it is a relative path, and the name begins with neither . nor _")
			continue
		case len(l.p.Files) == maxPackFiles:
			l.report(name, 0, 0, "", "政策包的文件超过 %[1]d 个", "the pack has more than %[1]d files", maxPackFiles)
			continue
		case len(files[name]) > maxFileBytes:
			l.report(name, 0, 0, "", "文件超过 %[1]d 字节", "the file has more than %[1]d bytes", maxFileBytes)
			continue
		case total > maxPackBytes:
			l.report(name, 0, 0, "", "政策包超过 %[1]d 字节", "the pack has more than %[1]d bytes", maxPackBytes)
			continue
		}
		l.p.Files[name] = files[name]
	}
	l.p.Hash = HashFiles(l.p.Files)
	return l.check()
}

// Overlay is the pack's files with some of them replaced or added; the pack itself stays as it is.
func (p *Pack) Overlay(texts map[string][]byte) map[string][]byte {
	files := maps.Clone(p.Files)
	maps.Copy(files, texts)
	return files
}

// FileNames are the names of the pack's files, in order.
func (p *Pack) FileNames() []string { return slices.Clone(sortedNames(p.Files)) }
