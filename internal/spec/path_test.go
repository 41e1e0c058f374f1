package spec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathsAreReadAsTheyAreWritten(t *testing.T) {
	for _, text := range []string{"seed", "scheduler.margin", "workload.tasks[0].input", "topology.edges[12].uplink.rate", "a[*]", "lists[1][2].b"} {
		path, err := ParsePath(text)
		if err != nil || path.String() != text {
			t.Errorf("%s is read as %s, error %v", text, path, err)
		}
	}
	for _, text := range []string{"", ".", "a.", ".a", "a..b", "[0]", "a[", "a[0", "a[x]", "a[-1]", "a[0]b", "a[99999999999]", "a[]"} {
		if path, err := ParsePath(text); err == nil {
			t.Errorf("%q is read as %s, want an error", text, path)
		}
	}
}

// parsed reads a file that must be good.
func parsed(t *testing.T, file, text string) Cursor {
	t.Helper()
	c, err := Parse(file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSetChangesOneFieldOfACopy(t *testing.T) {
	values := parsed(t, "values.yaml", "{number: 7, text: new, map: {x: 1}}")
	for _, c := range []struct {
		path, value string
		want        any
	}{
		{"a", "number", map[string]any{"a": int64(7), "list": []any{int64(1), int64(2)}, "empty": nil}},
		{"list[1]", "text", map[string]any{"a": map[string]any{"b": "old"}, "list": []any{int64(1), "new"}, "empty": nil}},
		{"list[*]", "number", map[string]any{"a": map[string]any{"b": "old"}, "list": []any{int64(7), int64(7)}, "empty": nil}},
		{"a.b", "map", map[string]any{"a": map[string]any{"b": map[string]any{"x": int64(1)}}, "list": []any{int64(1), int64(2)}, "empty": nil}},
		{"a.c.d", "text", map[string]any{"a": map[string]any{"b": "old", "c": map[string]any{"d": "new"}}, "list": []any{int64(1), int64(2)}, "empty": nil}},
		{"empty.x", "number", map[string]any{"a": map[string]any{"b": "old"}, "list": []any{int64(1), int64(2)}, "empty": map[string]any{"x": int64(7)}}},
	} {
		tree := parsed(t, "tree.yaml", "a: {b: old}\nlist: [1, 2]\nempty:\n")
		before, err := tree.Value()
		if err != nil {
			t.Fatal(err)
		}
		path, err := ParsePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		changed, err := tree.Set(path, values.Field(c.value))
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		got, err := changed.Value()
		if d := cmp.Diff(c.want, got); err != nil || d != "" {
			t.Errorf("%s: error %v (-want +got):\n%s", c.path, err, d)
		}
		after, err := tree.Value()
		if d := cmp.Diff(before, after); err != nil || d != "" {
			t.Errorf("%s changed the original, error %v:\n%s", c.path, err, d)
		}
	}
}

func TestSetRefusesPathsThatLeadNowhere(t *testing.T) {
	values := parsed(t, "values.yaml", "\nx: 1")
	for path, want := range map[string]string{
		"a.b.c":   "values.yaml:2: x: a.b.c cannot be set: a.b is not a mapping",
		"list.x":  "values.yaml:2: x: list.x cannot be set: list is not a mapping",
		"list[2]": "values.yaml:2: x: list[2] cannot be set: list has 2 elements",
		"none[*]": "values.yaml:2: x: none[*] cannot be set: none has 0 elements",
		"a[0]":    "values.yaml:2: x: a[0] cannot be set: a is not a list",
		"new[0]":  "values.yaml:2: x: new[0] cannot be set: new is not a list",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsed(t, "tree.yaml", "a: {b: old}\nlist: [1, 2]\nnone: []").Set(p, values.Field("x")); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", path, err, want)
		}
	}
}

func TestErrorsInAComposedTreePointAtTheFileOfTheValue(t *testing.T) {
	tree := parsed(t, "/dir/tree.yaml", "name: a\nparts:\n  - {name: b, count: 1}\n")
	values := parsed(t, "/other/values.yaml", "\n\nbad: many\nunknown: 1\n")
	for path, want := range map[string]string{
		"parts[0].count": `/other/values.yaml:3: parts[0].count: "many" does not belong here; allowed: a whole number`,
		"parts[0].cout":  "/other/values.yaml:3: parts[0].cout: unknown key; did you mean count?; allowed: name, rate, count",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		composed, err := tree.Set(p, values.Field("bad"))
		if err != nil {
			t.Fatal(err)
		}
		var v whole
		if err := composed.Decode(&v); err == nil || err.Error() != want {
			t.Errorf("\n got %v\nwant %s", err, want)
		}
		if got := composed.Field("parts").Dir(); got != "/dir" {
			t.Errorf("relative paths in the tree start from %s, want /dir", got)
		}
		if got := values.Field("bad").Dir(); got != "/other" {
			t.Errorf("relative paths in the value start from %s, want /other", got)
		}
	}
}

func TestAnIntegerStandsWhereItsRangeDoes(t *testing.T) {
	c := parsed(t, "f.yaml", "\nrange: {from: 1}").Field("range").Integer(42)
	var n int
	if err := c.Decode(&n); err != nil || n != 42 {
		t.Errorf("decoded %d, error %v", n, err)
	}
	var text string
	if err := c.Decode(&text); err == nil || err.(*Error).Line != 2 {
		t.Errorf("error %v, want one in line 2", err)
	}
}
