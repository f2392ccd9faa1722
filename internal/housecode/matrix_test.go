package housecode

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"pgregory.net/rapid"
)

// picture draws a matrix with its quiet zone, 3 pixels a module.
func picture(m matrix) image.Image {
	const scale, quiet = 3, 4
	side := (m.size() + 2*quiet) * scale
	img := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			col, row := x/scale-quiet, y/scale-quiet
			ink := color.Gray{255}
			if col >= 0 && row >= 0 && col < m.size() && row < m.size() && m.dark(col, row) {
				ink.Y = 0
			}
			img.SetGray(x, y, ink)
		}
	}
	return img
}

// read decodes a picture with another program's decoder.
func read(t testing.TB, img image.Image) string {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	got, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got.GetText()
}

// TestAnotherDecoderReadsEveryVersion: texts of 1 to 366 characters, all of the alphabet, are read back by a decoder that knows nothing of our
// encoder.
func TestAnotherDecoderReadsEveryVersion(t *testing.T) {
	var ms matrices
	all := strings.Repeat("HTTPS://A.CN/C/0123456789$*-.:XYZ", 20)
	for n := 1; n <= 366; n += 5 {
		text := all[n%30 : n%30+n]
		m, err := ms.encode(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, picture(m)); got != text {
			t.Fatalf("%d characters: read %q", n, got)
		}
	}
	for _, bad := range []string{"lower", "A_B", "户", strings.Repeat("A", 367)} {
		if _, err := ms.encode(bad); err == nil {
			t.Errorf("%.20q is encoded", bad)
		}
	}
}

// TestPenalty against counting module by module, as the standard says it.
func TestPenalty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(21, 61).Draw(t, "n")
		g := newGrid(n)
		at := make([][]bool, n)
		density := rapid.Uint64Range(1, 9).Draw(t, "density")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		dark := 0
		for y := range n {
			at[y] = make([]bool, n)
			for x := range n {
				if random.Uint64N(10) < density {
					at[y][x] = true
					g.darken(x, y)
					dark++
				}
			}
		}
		want := 0
		for i := range n {
			for _, get := range []func(j int) bool{func(j int) bool { return at[i][j] }, func(j int) bool { return at[j][i] }} {
				text := ""
				for j := range n {
					text += map[bool]string{true: "1", false: "0"}[get(j)]
				}
				for j := 0; j < n; {
					k := j
					for k < n && text[k] == text[j] {
						k++
					}
					if k-j >= 5 {
						want += k - j - 2
					}
					j = k
				}
				for j := 0; j+11 <= n; j++ {
					if w := text[j : j+11]; w == "10111010000" || w == "00001011101" {
						want += 40
					}
				}
			}
		}
		for y := range n - 1 {
			for x := range n - 1 {
				if at[y][x] == at[y][x+1] && at[y][x] == at[y+1][x] && at[y][x] == at[y+1][x+1] {
					want += 3
				}
			}
		}
		percent := float64(dark) * 100 / float64(n*n)
		want += int(math.Abs(percent-50)/5) * 10
		if got := g.penalty(); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	})
}

func BenchmarkMatrix(b *testing.B) {
	var ms matrices
	text := "HTTPS://SHOUWANG.EXAMPLE.GOV.CN/C/" + strings.Repeat("A1B2C3D4E5F6G7H8", 11)
	for b.Loop() {
		if _, err := ms.encode(text); err != nil {
			b.Fatal(err)
		}
	}
}
