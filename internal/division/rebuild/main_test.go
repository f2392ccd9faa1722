package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func TestRebuild(t *testing.T) {
	from := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(from, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("provinces.csv", "code,name\n52,\"贵州省\"\n11,\"北京市\"\n")
	write("cities.csv", "code,name,provinceCode\n5226,\"黔东南苗族侗族自治州\",52\n5201,贵阳市,52\n1101,市辖区,11\n")
	write("areas.csv", "code,name,cityCode,provinceCode\n522633,从江县,5226,52\n522601,凯里市,5226,52\n520203,六枝特区,5202,52\n520103,云岩区,5201,52\n")
	write("streets.csv", "code,name,areaCode,provinceCode,cityCode\n522633105,西山镇,522633,52,5226\n522633001,丙梅街道,522633,52,5226\n522633200,高增乡,522633,52,5226\n522633204,刚边壮族乡,522633,52,5226\n")
	write("villages.csv", "code,name,streetCode,provinceCode,cityCode,areaCode\n522633105209,顶洞村村民委员会,522633105,52,5226,522633\n522633105001,西山社区居民委员会,522633105,52,5226,522633\n522633105500,某农场,522633105,52,5226,522633\n")

	out := filepath.Join(t.TempDir(), "divisions.csv.zst")
	n, err := rebuild(from, "52", out)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	r, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := r.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `520000000000,贵州省,province
520100000000,贵阳市,prefecture_city
520103000000,云岩区,district
520203000000,六枝特区,special_district
522600000000,黔东南苗族侗族自治州,autonomous_prefecture
522601000000,凯里市,city
522633000000,从江县,county
522633001000,丙梅街道,street
522633105000,西山镇,town
522633105001,西山社区居民委员会,community
522633105209,顶洞村村民委员会,village
522633105500,某农场,quasi_village
522633200000,高增乡,township
522633204000,刚边壮族乡,ethnic_township
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if n != strings.Count(want, "\n") {
		t.Errorf("%d rows reported", n)
	}

	write("areas.csv", "code,name\n52263,从江县\n")
	if _, err := rebuild(from, "52", out); err == nil || !strings.Contains(err.Error(), "areas.csv, line 2") {
		t.Errorf("a short code: %v", err)
	}
	if _, err := rebuild(t.TempDir(), "52", out); err == nil {
		t.Error("no files and no error")
	}
}
