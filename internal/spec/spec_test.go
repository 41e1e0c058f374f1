package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/internal/units"
)

type part struct {
	Name  string     `yaml:"name"`
	Rate  units.Rate `yaml:"rate"`
	Count int        `yaml:"count"`
}

type common struct {
	Delay units.Virtual `yaml:"delay"`
}

type whole struct {
	Name   string `yaml:"name"`
	common `yaml:",inline"`
	On     bool               `yaml:"on"`
	Factor float64            `yaml:"factor"`
	Seed   uint64             `yaml:"seed"`
	Parts  []part             `yaml:"parts"`
	Extra  *part              `yaml:"extra"`
	Shares map[string]float64 `yaml:"shares"`
	Lists  [][]string         `yaml:"lists"`
	JSON   int                `json:"json_name"`
}

func TestDecodeFillsEveryKindOfValue(t *testing.T) {
	const text = `
name: "one: two"   # a comment
delay: 20ms
on: true
factor: 2.5
seed: 18446744073709551615
parts:
  - {name: a, rate: 10Mbps, count: 3}
  - name: b
    rate: "1Gbps"
extra: {name: c}
shares: {a: 0.5, b: 1}
lists: [[x, y], []]
json_name: 7
`
	got := whole{Parts: []part{{Name: "default"}}}
	if _, err := Decode("f.yaml", []byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := whole{
		Name: "one: two", common: common{Delay: 20e6}, On: true, Factor: 2.5, Seed: 1<<64 - 1,
		Parts:  []part{{"a", 1e7, 3}, {"b", 1e9, 0}},
		Extra:  &part{Name: "c"},
		Shares: map[string]float64{"a": 0.5, "b": 1},
		Lists:  [][]string{{"x", "y"}, {}},
		JSON:   7,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(whole{}), cmp.AllowUnexported(common{})); diff != "" {
		t.Error(diff)
	}
}

func TestWhatTheFileLeavesOutKeepsItsDefault(t *testing.T) {
	got := part{Name: "default", Rate: 1e6, Count: 4}
	if _, err := Decode("f.yaml", []byte("count: 0\n"), &got); err != nil || got != (part{"default", 1e6, 0}) {
		t.Errorf("got %+v, %v; want only the count changed", got, err)
	}
}

func TestAliasesStandForTheirAnchor(t *testing.T) {
	var got whole
	const text = "extra: &p {name: a, rate: 1Mbps}\nparts: [*p, *p]\n"
	if _, err := Decode("f.yaml", []byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if want := (part{Name: "a", Rate: 1e6}); *got.Extra != want || len(got.Parts) != 2 || got.Parts[1] != want {
		t.Errorf("got %+v and %+v, want %+v three times", *got.Extra, got.Parts, want)
	}
}

func TestRefusalsNameFileLineKeyAndWhatIsAllowed(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key": {
			"name: a\nfacto: 2\n",
			`f.yaml:2: facto: unknown key; did you mean factor?; allowed: name, delay, on, factor, seed, parts, extra, shares, lists, json_name`,
		},
		"unknown key far from any": {
			"parts:\n  - bandwidth: 1\n",
			`f.yaml:2: parts[0].bandwidth: unknown key; allowed: name, rate, count`,
		},
		"other case of a key": {
			"Name: a\n",
			`f.yaml:1: Name: unknown key; did you mean name?; allowed: name, delay, on, factor, seed, parts, extra, shares, lists, json_name`,
		},
		"wrong unit": {
			"parts:\n  - {name: a}\n  - name: b\n    rate: 10mbps\n",
			`f.yaml:4: parts[1].rate: "10mbps": tc reads mbps as megabytes per second, and a rate is in bits; allowed: bits per second such as 500kbit, 10Mbps or 1Gbps`,
		},
		"no unit":           {"delay: 20\n", `f.yaml:1: delay: "20": has no unit; allowed: a duration with its unit such as 250us, 200ms, 1.5s or 2m`},
		"duplicate key":     {"name: a\non: true\nname: b\n", `f.yaml:3: name: is given twice, first in line 1`},
		"duplicate in flow": {"extra: {name: a, name: b}\n", `f.yaml:1: name: is given twice, first in line 1`},
		"number for a text": {"name: 5\n", `f.yaml:1: name: 5 is a number or a boolean; allowed: a text; put it in quotes if 5 is one`},
		"text for a number": {"factor: \"2\"\n", `f.yaml:1: factor: "2" does not belong here; allowed: a number`},
		"fraction":          {"extra: {count: 1.5}\n", `f.yaml:1: extra.count: "1.5" does not belong here; allowed: a whole number`},
		"hexadecimal":       {"extra: {count: 0x10}\n", `f.yaml:1: extra.count: "0x10" does not belong here; allowed: a whole number`},
		"negative seed":     {"seed: -1\n", `f.yaml:1: seed: "-1" does not belong here; allowed: a whole number of at least 0`},
		"NaN":               {"factor: .nan\n", `f.yaml:1: factor: ".nan" does not belong here; allowed: a number`},
		"infinity":          {"factor: .inf\n", `f.yaml:1: factor: ".inf" does not belong here; allowed: a number`},
		"overflow":          {"factor: 1e999\n", `f.yaml:1: factor: "1e999" does not belong here; allowed: a number`},
		"yes":               {"on: yes\n", `f.yaml:1: on: "yes" does not belong here; allowed: true or false`},
		"list for a text":   {"name: [a]\n", `f.yaml:1: name: a list does not belong here; allowed: a text`},
		"list for a unit":   {"delay: [1s]\n", `f.yaml:1: delay: a list does not belong here; allowed: a single value`},
		"mapping for list":  {"parts: {name: a}\n", `f.yaml:1: parts: a mapping does not belong here; allowed: a list`},
		"text for mapping":  {"extra: a\n", `f.yaml:1: extra: "a" does not belong here; allowed: a mapping`},
		"nothing":           {"on: true\nname:\n", `f.yaml:2: name: has no value`},
		"null in a list":    {"parts:\n  - {name: a}\n  -\n", `f.yaml:3: parts[1]: has no value`},
		"empty file":        {"", `f.yaml: is empty`},
		"only comments":     {"# nothing\n", `f.yaml: is empty`},
		"two documents":     {"name: a\n---\nname: b\n", `f.yaml: holds 2 YAML documents; a spec is one`},
		"a text alone":      {"hello\n", `f.yaml:1: "hello" does not belong here; allowed: a mapping`},
		"tag":               {"name: !!str 5\n", `f.yaml:1: tags such as "!!str" are not supported`},
		"merge key":         {"extra: &a {name: x}\nparts:\n  - <<: *a\n", `f.yaml:3: merge keys (<<) are not supported; write the keys out`},
		"recursive alias":   {"parts: &a [*a]\n", `f.yaml:1: alias *a names no anchor before it`},
		"unknown alias":     {"name: a\nextra: *b\n", `f.yaml:2: alias *b names no anchor before it`},
		"unclosed list":     {"parts: [\n", `f.yaml:1: is not YAML: sequence end token ']' not found`},
		"list as a key":     {"? [a]\n: b\n", `f.yaml:2: is not YAML: found an invalid key for this map`},
		"deep brackets":     {strings.Repeat("[", 100_000), `f.yaml:1: nests deeper than 100 levels`},
		"deep dashes":       {strings.Repeat("- ", 100_000), `f.yaml:1: nests deeper than 100 levels`},
		"huge file":         {strings.Repeat("#", MaxSize+1), `f.yaml: is larger than 4MiB, more than any spec needs`},
		"NUL":               {"\x00", `f.yaml:1: "\x00" does not belong here; allowed: a mapping`},
	} {
		t.Run(name, func(t *testing.T) {
			var v whole
			_, err := Decode("f.yaml", []byte(c.text), &v)
			if err == nil || err.Error() != c.want {
				t.Errorf("\n got %v\nwant %s", err, c.want)
			}
			var e *Error
			if !errors.As(err, &e) || e.File != "f.yaml" {
				t.Errorf("error %#v does not name the file", err)
			}
		})
	}
}

func TestColumnsPointAtTheValue(t *testing.T) {
	var v whole
	_, err := Decode("f.yaml", []byte("extra: {name: a, rate: 10mbps}\n"), &v)
	var e *Error
	if !errors.As(err, &e) || e.Line != 1 || e.Column != 24 || e.Key != "extra.rate" {
		t.Errorf("got %+v, want line 1, column 24, key extra.rate", e)
	}
	var u *units.Error
	if !errors.As(err, &u) || u.Text != "10mbps" {
		t.Errorf("got %v, want the cause to be the rate's own error", err)
	}
}

// Ten levels of ten aliases are ten thousand million values, and cost no more than a bounded number of visits.
func TestAliasesCannotExpandWithoutBound(t *testing.T) {
	var b strings.Builder
	b.WriteString("shares: &s {")
	for i := range 2000 {
		fmt.Fprintf(&b, "k%d: 1, ", i)
	}
	b.WriteString("}\nall:\n")
	for range 2000 {
		b.WriteString("  - *s\n")
	}
	var v struct {
		Shares map[string]float64   `yaml:"shares"`
		All    []map[string]float64 `yaml:"all"`
	}
	_, err := Decode("f.yaml", []byte(b.String()), &v)
	if err == nil || !strings.Contains(err.Error(), "its aliases expand to more than") {
		t.Errorf("got %v, want a refusal of so many values", err)
	}
}

func TestChecksAfterDecodingPointIntoTheFile(t *testing.T) {
	var v whole
	c, err := Decode("f.yaml", []byte("name: a\nparts:\n  - name: b\n    rate: 1Mbps\n"), &v)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		at   Cursor
		want string
	}{
		{c.Field("parts").Index(0).Field("rate"), "f.yaml:4: parts[0].rate: wrong; allowed: right"},
		{c.Field("parts").Index(0).Field("count"), "f.yaml:3: parts[0].count: wrong; allowed: right"},
		{c.Field("parts").Index(9).Field("rate"), "f.yaml:3: parts[9].rate: wrong; allowed: right"},
		{c.Field("seed"), "f.yaml:1: seed: wrong; allowed: right"},
		{Cursor{}.Field("parts").Index(0), "parts[0]: wrong; allowed: right"},
	} {
		if got := x.at.Errorf("right", "wrong").Error(); got != x.want {
			t.Errorf("got %s, want %s", got, x.want)
		}
	}
}

func TestAChoiceNamesTheNearestWord(t *testing.T) {
	choice := Choice{"shared"}
	at := Cursor{}.Field("sharing")
	for word, want := range map[string]string{
		"shared": "",
		"share":  `sharing: "share" is unknown; did you mean shared?; allowed: shared`,
		"x":      `sharing: "x" is unknown; allowed: shared`,
		"":       "sharing: is missing; allowed: shared",
	} {
		got := ""
		if err := choice.Check(at, word); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func TestNamesFitIntoObjectNames(t *testing.T) {
	for name, good := range map[string]bool{
		"gw-a": true, "A_1": true, "7": true, "": false, "-a": false, "a.b": false, "a/b": false, "ä": false,
		"a b": false, strings.Repeat("a", 40): true, strings.Repeat("a", 41): false,
	} {
		if err := (Cursor{}).CheckName(name); (err == nil) != good {
			t.Errorf("name %q: %v, want it accepted: %v", name, err, good)
		}
	}
}

func TestLibraryFindsNamesAndPaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"mine.yaml", "bare"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l := Library{Kind: "topology", Files: fstest.MapFS{"lab-4.yaml": {Data: []byte("shipped")}, "doc.go": {}}}
	if got := l.Names(); !cmp.Equal(got, []string{"lab-4"}) {
		t.Errorf("names are %v, want lab-4 alone", got)
	}
	for _, c := range []struct{ dir, name, file, data string }{
		{"", "lab-4", "lab-4.yaml", "shipped"},
		{dir, "mine.yaml", filepath.Join(dir, "mine.yaml"), "mine.yaml"},
		{dir, "bare", filepath.Join(dir, "bare"), "bare"},
		{"elsewhere", filepath.Join(dir, "mine.yaml"), filepath.Join(dir, "mine.yaml"), "mine.yaml"},
	} {
		file, data, err := l.Read(c.dir, c.name)
		if err != nil || file != c.file || string(data) != c.data {
			t.Errorf("%q in %q: got %s, %q, %v; want %s, %q", c.name, c.dir, file, data, err, c.file, c.data)
		}
	}
	_, _, err := l.Read(dir, "lab-5")
	const want = `"lab-5" is neither a shipped topology nor a file; did you mean lab-4?; allowed: lab-4, or a path`
	if err == nil || err.Error() != want || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, _, err := l.Read("", dir); err == nil {
		t.Error("a directory was read as a file")
	}
	if data, err := ReadFile("/dev/zero"); err != nil || len(data) != MaxSize+1 {
		t.Errorf("an endless file gave %d bytes, %v; want %d", len(data), err, MaxSize+1)
	}
}

func TestAFileThatADocumentNamesOftenIsReadOnce(t *testing.T) {
	var v struct {
		Files []string `yaml:"files"`
	}
	c, err := Decode("f.yaml", []byte("files: [&a one, *a, two, *a]\n"), &v)
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	for i, path := range v.Files {
		got, err := Once(c.Field("files").Index(i).Files(), path, func(path string) (string, error) {
			read = append(read, path)
			return path + "!", nil
		})
		if err != nil || got != path+"!" {
			t.Errorf("%s became %q, error %v", path, got, err)
		}
		if n, err := Once(c.Files(), path, func(path string) (int, error) { return len(path), nil }); err != nil || n != 3 {
			t.Errorf("as another type %s became %d, error %v", path, n, err)
		}
	}
	if want := []string{"one", "two"}; !cmp.Equal(read, want) {
		t.Errorf("read %v, want %v", read, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"name: a\nparts:\n  - {name: b, rate: 1Mbps}\n", "a: &a [*a, *a]\n", "? a\n: b\n", "- - - x\n", "a: |\n  text\n b\n",
		"extra: &p {name: a}\nparts: [*p]\n", "{a: b}: c", "a:\n\t- b", "&a &b c", "%YAML 1.2\n---\nname: a\n...\n", "\"\\", "<<: {a: b}", ": :\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v whole
		_, err := Decode("f.yaml", data, &v)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Problem == "" || e.File != "f.yaml") {
			t.Fatalf("error %#v does not point into the file", err)
		}
	})
}
