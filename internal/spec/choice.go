package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Choice is the words a key takes.
type Choice []string

// Check refuses any other word.
func (c Choice) Check(at Cursor, word string) error {
	return c.CheckOr(at, word, strings.Join(c, ", "))
}

// CheckOr is Check with a text of its own for what is allowed, where there is more than single words.
func (c Choice) CheckOr(at Cursor, word, allowed string) error {
	switch {
	case slices.Contains(c, word):
		return nil
	case word == "":
		return at.Errorf(allowed, "is missing")
	}
	if near := Nearest(word, c); near != "" {
		return at.Errorf(allowed, "%q is unknown; did you mean %s?", Clip(word), near)
	}
	return at.Errorf(allowed, "%q is unknown", Clip(word))
}

// OneOf refuses a name that is not one of those there are. What says of what: "there is no link".
func (c Cursor) OneOf(names []string, name, what string) error {
	if slices.Contains(names, name) {
		return nil
	}
	return c.Errorf(abbreviate(names), "%s", Suggest(fmt.Sprintf("%s %q", what, Clip(name)), name, names))
}

// Suggest adds to a problem with a name what was probably meant, if one of the names is near.
func Suggest(problem, name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return problem + "; did you mean " + near + "?"
	}
	return problem
}

// abbreviate lists names, but not ninety of them.
func abbreviate(names []string) string {
	const most = 12
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most-1], ", ") + ", … " + names[len(names)-1]
}

// Nearest is the name a mistyped word most likely meant: at most two letters away, and less than half of the
// word. It is empty where there is none.
func Nearest(word string, names []string) string {
	best, found := 3, ""
	if len(word) > 64 {
		return ""
	}
	for _, name := range names {
		if d := distance(word, name); d < best && 2*d < len(name) {
			best, found = d, name
		}
	}
	return found
}

// distance is the number of letters to insert, delete or change (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
