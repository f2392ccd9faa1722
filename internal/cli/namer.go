package cli

import (
	"strconv"
	"strings"

	"shouwang/internal/division"
)

// namer turns division codes into names.
type namer struct{ tree *division.Tree }

// county names a six-digit county code.
func (n namer) county(code int32) string {
	if d, ok := n.tree.Get(division.Code(code) * 1_000_000); ok {
		return d.Name
	}
	return strconv.Itoa(int(code))
}

// path names a division with what lies above it, the province aside.
func (n namer) path(code division.Code) string {
	names := n.tree.Path(code)
	if len(names) > 1 {
		names = names[1:]
	}
	return strings.Join(names, "")
}
