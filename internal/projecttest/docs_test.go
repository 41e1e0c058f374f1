package projecttest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
)

var (
	link    = regexp.MustCompile(`\]\(([^)]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// anchor is the name a heading can be linked by: lower case, spaces as hyphens, punctuation left out.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r == ' ':
			return '-'
		}
		return -1
	}, strings.ToLower(heading))
}

// brokenLinks returns the links of a document to files or headings that are not there.
func brokenLinks(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var broken []string
	for _, m := range link.FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		file, fragment, _ := strings.Cut(m[1], "#")
		target := path
		if file != "" {
			target = filepath.Join(filepath.Dir(path), file)
		}
		linked, err := os.ReadFile(target)
		if err != nil {
			if info, statErr := os.Stat(target); statErr != nil || !info.IsDir() {
				broken = append(broken, m[1])
			}
			continue
		}
		found := fragment == ""
		for _, h := range heading.FindAllStringSubmatch(string(linked), -1) {
			found = found || anchor(h[1]) == fragment
		}
		if !found {
			broken = append(broken, m[1])
		}
	}
	return broken
}

func TestLinksBetweenDocumentsLeadSomewhere(t *testing.T) {
	root := testutil.ModuleRoot(t)
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(documents, filepath.Join(root, "README.md")) {
		for _, l := range brokenLinks(t, path) {
			t.Errorf("%s links to %s, which is not there", path, l)
		}
	}
}

func TestABrokenLinkIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.md")
	text := "# Some words, here\n[good](#some-words-here) [bad](b.md) [worse](#other) [far](https://example.org/)\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(brokenLinks(t, path), " "), "b.md #other"; got != want {
		t.Errorf("broken links = %q, want %q", got, want)
	}
}
