package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"

	"tidemark/base/batch"
	"tidemark/store/eventlog"
)

// version is set by the linker for releases.
var version = "0.1.0-dev"

func versionCommand() *command {
	var asJSON bool
	return &command{
		name:  "version",
		short: "print the build and the versions of what it writes",
		usage: `
Usage: tidemark version [--json]

Prints the version of the program and of the byte formats it writes.

Examples:
  tidemark version
  tidemark version --json`,
		flags: func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "print JSON") },
		run: func(_ context.Context, c *console, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			b := build()
			if asJSON {
				return json.NewEncoder(c.out).Encode(b)
			}
			fmt.Fprintf(c.out, "tidemark %s (%s, %s)\nformats: eventlog %d, batch %d\n", b.Version, b.Revision, b.Go, b.Formats["eventlog"], b.Formats["batch"])
			return nil
		},
	}
}

// buildInfo is what version tells.
type buildInfo struct {
	Version  string         `json:"version"`
	Revision string         `json:"revision"`
	Go       string         `json:"go"`
	Platform string         `json:"platform"`
	Formats  map[string]int `json:"formats"`
}

func build() buildInfo {
	b := buildInfo{Version: version, Revision: "unknown revision", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Formats: map[string]int{"eventlog": eventlog.FormatVersion, "batch": batch.FormatVersion}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	return b
}
