package function

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/datadriven"
)

// resolveWindow prints the types of functions that only OVER gives a meaning.
func resolveWindow(d *datadriven.TestData, covered map[string]bool) string {
	var out strings.Builder
	for line := range strings.Lines(d.Input) {
		f, call, err := readAggregate(strings.TrimSuffix(line, "\n"), false)
		if f != nil {
			covered[f.Name] = true
		}
		if err != nil {
			fmt.Fprintf(&out, "error: %v\n", err)
			continue
		}
		fmt.Fprintln(&out, call.overload.Result)
	}
	return out.String()
}
