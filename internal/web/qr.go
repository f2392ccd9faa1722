package web

import (
	"fmt"
	"strings"

	"rsc.io/qr"

	"shouwang/internal/web/view"
)

// qrCode draws a text as the modules of a QR code.
func qrCode(text string) (view.QR, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return view.QR{}, fmt.Errorf("web: qr: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	return view.QR{Size: code.Size, Path: path.String()}, nil
}
