package value

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestCommonTypes runs testdata/common_types: each line is an expression over
// types, "LEFT op RIGHT" or "TYPE, TYPE, …" for the least restrictive one. The
// answers are a real Flink's.
func TestCommonTypes(t *testing.T) {
	operators := map[string]Operator{"+": Plus, "-": Minus, "*": Times, "/": Divide, "%": Modulo}
	datadriven.RunTest(t, "testdata/common_types", func(t *testing.T, d *datadriven.TestData) string {
		var out strings.Builder
		for _, line := range strings.Split(d.Input, "\n") {
			var result Type
			var ok bool
			switch d.Cmd {
			case "arithmetic":
				parts := strings.Fields(strings.ReplaceAll(line, ", ", ","))
				result, ok = ArithmeticType(operators[parts[1]], parseType(t, parts[0]), parseType(t, parts[2]))
			case "common":
				var types []Type
				for _, s := range strings.Split(line, " | ") {
					types = append(types, parseType(t, s))
				}
				result, ok = LeastRestrictive(types...)
			}
			if ok {
				out.WriteString(result.String() + "\n")
			} else {
				out.WriteString("none\n")
			}
		}
		return out.String()
	})
}
