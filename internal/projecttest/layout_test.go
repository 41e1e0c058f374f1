package projecttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
)

const module = "github.com/splitbed/splitbed/"

// goList runs go list over all packages of the module and returns its lines.
func goList(t *testing.T, format string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", format, "./...")
	cmd.Dir = testutil.ModuleRoot(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// within reports whether a package lies in or below dir.
func within(pkg, dir string) bool {
	return pkg == dir || strings.HasPrefix(pkg, dir+"/")
}

func TestImportsPointDownwards(t *testing.T) {
	forbidden := map[string][]string{
		"topologies": {"workloads", "scheduler", "emulator", "results", "testbed", "cmd"},
		"workloads":  {"testbed", "cmd"},
		"scheduler":  {"emulator", "workloads/engine", "workloads/replay", "results", "testbed", "cmd"},
		"emulator":   {"workloads", "scheduler", "testbed", "cmd"},
		"results":    {"emulator/link", "emulator/node", "workloads/engine", "workloads/replay", "testbed", "cmd"},
		"internal":   {"topologies", "workloads", "scheduler", "emulator", "results", "testbed", "cmd"},
		"testbed":    {"cmd"},
	}
	for _, line := range goList(t, `{{.ImportPath}} {{join .Deps " "}}`) {
		pkg, deps, _ := strings.Cut(line, " ")
		pkg = strings.TrimPrefix(pkg, module)
		top, _, _ := strings.Cut(pkg, "/")
		for _, dep := range strings.Fields(deps) {
			dep, ours := strings.CutPrefix(dep, module)
			for _, dir := range forbidden[top] {
				if ours && within(dep, dir) {
					t.Errorf("%s depends on %s; nothing below %s/ may know %s/", pkg, dep, top, dir)
				}
			}
		}
	}
}

func TestEveryPackageIsInTheListOfPackages(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testutil.ModuleRoot(t), "docs", "development.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(text), "\n## Packages\n")
	list, _, ended := strings.Cut(list, "\nImports point down.")
	if !found || !ended {
		t.Fatal("docs/development.md has no list of packages that ends with how imports point")
	}
	listed := map[string]bool{}
	for line := range strings.Lines(list) {
		if fields := strings.Fields(strings.TrimLeft(line, " │├└─")); len(fields) > 0 {
			listed[fields[0]] = true
		}
	}
	for _, pkg := range goList(t, "{{.ImportPath}}") {
		pkg = strings.TrimPrefix(pkg, module)
		if !within(pkg, "internal") && !within(pkg, "cmd") && !listed[pkg] && !listed[filepath.Base(pkg)] {
			t.Errorf("package %s is not in the list of docs/development.md", pkg)
		}
	}
}

// A package of up to three files may tell its story at the head of one of them.
func TestEveryPackageTellsItsStory(t *testing.T) {
	for _, line := range goList(t, `{{.Name}} {{.Dir}}{{if gt (len .GoFiles) 3}} doc.go{{end}}`) {
		line, large := strings.CutSuffix(line, " doc.go")
		name, dir, _ := strings.Cut(line, " ")
		if name == "main" || !large {
			continue
		}
		doc, err := os.ReadFile(filepath.Join(dir, "doc.go"))
		if err != nil {
			t.Errorf("package %s: %v", name, err)
			continue
		}
		if want := "// Package " + name + " "; !strings.HasPrefix(string(doc), want) {
			t.Errorf("%s/doc.go begins %.40q, want %q", dir, doc, want)
		}
	}
}
