// Command answer makes the tables and plots of docs/verdict.md.
//
//	sweeps/verdict (emulated)  ─┐
//	                            ├─gather─▶ runs.csv, streams.csv ─render─▶ tables between the page's markers, plots
//	sweeps/verdict-model (sim.) ─┘         (committed)
//
// Given the two sweeps' directories it gathers their results first; without, it renders the committed data again. No figure of the
// page is typed in by hand but in its prose.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/splitbed/splitbed/internal/atomicfile"
)

func main() {
	emulated := flag.String("emulated", "", "directory of the emulated sweep")
	predicted := flag.String("predicted", "", "directory of the same sweep in mode simulate")
	docs := flag.String("docs", "docs", "directory of verdict.md")
	flag.Parse()
	if err := run(*docs, *emulated, *predicted); err != nil {
		fmt.Fprintln(os.Stderr, "answer:", err)
		os.Exit(1)
	}
}

func run(docs, emulated, predicted string) error {
	if emulated != "" {
		runs, streams, err := gather(emulated, predicted)
		if err != nil {
			return err
		}
		if err := writeData(filepath.Join(docs, dataDir), runs, streams); err != nil {
			return err
		}
	}
	files, err := render(docs)
	if err != nil {
		return err
	}
	for path, content := range files {
		if err := atomicfile.WriteBytes(path, content); err != nil {
			return err
		}
	}
	return nil
}
