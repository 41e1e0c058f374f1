package main

import (
	"strings"
	"testing"
)

func TestOptionsMayFollowTheArguments(t *testing.T) {
	app := newApp()
	for line, want := range map[string]string{
		"splitbed run quickstart":                          "splitbed run quickstart",
		"splitbed run quickstart --retry":                  "splitbed run --retry quickstart",
		"splitbed run quickstart --seed 3 --json --out a":  "splitbed run --seed 3 --json --out a quickstart",
		"splitbed run --seed=3 quickstart --margin -1":     "splitbed run --seed=3 --margin -1 quickstart",
		"splitbed model cut a.onnx --after conv1":          "splitbed model cut --after conv1 a.onnx",
		"splitbed compare a --html b.html c":               "splitbed compare --html b.html a c",
		"splitbed link set run gw-a.uplink loss=1% --json": "splitbed link set --json run gw-a.uplink loss=1%",
		"splitbed run --keep -- --odd.yaml --retry":        "splitbed run --keep -- --odd.yaml --retry",
		"splitbed exec run gw-a -- ping -c 1 cloud":        "splitbed exec run gw-a -- ping -c 1 cloud",
		"splitbed run quickstart --seed":                   "splitbed run --seed quickstart",
		"splitbed run quickstart --nonsense x":             "splitbed run --nonsense quickstart x",
		"splitbed --version":                               "splitbed --version",
		"splitbed nosuch --json":                           "splitbed nosuch --json",
		"splitbed model":                                   "splitbed model",
		"splitbed run - --json":                            "splitbed run --json -",
		"splitbed":                                         "splitbed",
	} {
		if got := strings.Join(optionsFirst(app, strings.Fields(line)), " "); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", line, got, want)
		}
	}
}
