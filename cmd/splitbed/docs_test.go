package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/internal/testutil"
)

// documents are README.md and docs/*.md by name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	root := testutil.ModuleRoot(t)
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	all := map[string]string{}
	for _, path := range append(paths, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(text)
	}
	return all
}

// leaves are the commands that do something, by the words after splitbed.
func leaves(prefix string, commands []*cli.Command) map[string]*cli.Command {
	all := map[string]*cli.Command{}
	for _, c := range commands {
		name := strings.TrimSpace(prefix + " " + c.Name)
		if len(c.Subcommands) == 0 {
			all[name] = c
		}
		for below, sub := range leaves(name, c.Subcommands) {
			all[below] = sub
		}
	}
	return all
}

func flagNames(c *cli.Command) []string {
	names := []string{"help"}
	for _, f := range c.Flags {
		names = append(names, f.Names()...)
	}
	return names
}

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	codeLine = regexp.MustCompile("(?m)^    (.+)$")
	fenced   = regexp.MustCompile("(?ms)^```\\w*\n(.*?)^```")
	option   = regexp.MustCompile(`(?:^|[\s(\x60\[])--([a-z][a-z-]*)`)
	call     = regexp.MustCompile(`(?:^|[\s(]|bin/)splitbed\s+([a-z].*)`)
)

// code lists the pieces of a document that are set as code, a line each.
func code(text string) []string {
	var pieces []string
	for _, block := range fenced.FindAllStringSubmatch(text, -1) {
		pieces = append(pieces, strings.Split(block[1], "\n")...)
	}
	text = fenced.ReplaceAllString(text, "")
	for _, line := range codeLine.FindAllStringSubmatch(text, -1) {
		pieces = append(pieces, line[1])
	}
	for _, span := range codeSpan.FindAllStringSubmatch(text, -1) {
		pieces = append(pieces, strings.Join(strings.Fields(span[1]), " "))
	}
	return pieces
}

func TestEveryCommandAndOptionIsDocumented(t *testing.T) {
	texts := documents(t)
	var all []string
	for _, text := range texts {
		for _, m := range option.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
	}
	for name, c := range leaves("", newApp().Commands) {
		if c.Hidden {
			continue
		}
		if !strings.Contains(texts["README.md"], "`splitbed "+name) {
			t.Errorf("README.md's table of commands lacks splitbed %s", name)
		}
		for _, f := range c.Flags {
			if !slices.Contains(all, f.Names()[0]) {
				t.Errorf("no document names --%s of splitbed %s", f.Names()[0], name)
			}
		}
	}
}

func TestEveryCommandAndOptionInTheDocumentsExists(t *testing.T) {
	commands := leaves("", newApp().Commands)
	var known []string
	for _, c := range commands {
		known = append(known, flagNames(c)...)
	}
	called := 0
	for file, text := range documents(t) {
		for _, m := range option.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("%s: no command has the option --%s", file, m[1])
			}
		}
		for _, piece := range code(text) {
			m := call.FindStringSubmatch(piece)
			if m == nil {
				continue
			}
			called++
			words := strings.Fields(m[1])
			c, ok := commands[words[0]]
			if !ok && len(words) > 1 {
				c, ok = commands[words[0]+" "+strings.TrimRight(words[1], "|")]
			}
			if !ok {
				if strings.HasPrefix(words[0], "-") || len(words) == 1 && isGroup(commands, words[0]) {
					continue
				}
				t.Errorf("%s: there is no command %q in %q", file, words[0], piece)
				continue
			}
			for _, o := range option.FindAllStringSubmatch(m[1], -1) {
				if !slices.Contains(flagNames(c), o[1]) {
					t.Errorf("%s: %q: %s has no option --%s", file, piece, c.Name, o[1])
				}
			}
		}
	}
	if called < 50 {
		t.Errorf("%d calls found in the documents, want most of them", called)
	}
}

// isGroup tells whether commands stand below a word.
func isGroup(commands map[string]*cli.Command, word string) bool {
	for name := range commands {
		if strings.HasPrefix(name, word+" ") {
			return true
		}
	}
	return false
}
