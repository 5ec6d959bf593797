package value

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones, whatever the machine knows

	"github.com/cockroachdb/datadriven"
)

// TestCast runs the golden files. The first line of a case names the types,
// each other one is a JSON text that is read as a value of the first type (by a
// cast from STRING) and cast to the second. What cannot be read or cast is
// NULL, as TRY_CAST gives it. The expected lines are answers of a real Flink.
func TestCast(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if !strings.Contains(path, "cast_") {
			return
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			lines := strings.Split(d.Input, "\n")
			types, zoneName, zoned := strings.Cut(lines[0], " in ")
			from, to, _ := strings.Cut(types, " to ")
			zone := time.UTC
			if zoned {
				zone = loadZone(t, zoneName)
			}
			var out strings.Builder
			for _, line := range lines[1:] {
				var text string
				if err := json.Unmarshal([]byte(line), &text); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				v, err := Cast(OfString(text), parseType(t, from), zone)
				if err == nil {
					v, err = Cast(v, parseType(t, to), zone)
				}
				switch {
				case d.Cmd == "problem":
					fmt.Fprintln(&out, err)
				case err != nil || v.Null:
					out.WriteString("NULL\n")
				default:
					shown, _ := json.Marshal(string(v.AppendText(nil, zone)))
					fmt.Fprintf(&out, "%s\n", shown)
				}
			}
			return out.String()
		})
	})
}

func loadZone(t testing.TB, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// parseType reads a type without parts, as Type.String prints it.
func parseType(t testing.TB, s string) Type {
	name, arguments, _ := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	var numbers []int
	for _, a := range strings.Split(arguments, ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(a)); err == nil {
			numbers = append(numbers, n)
		}
	}
	switch name {
	case "STRING":
		return StringType
	case "BYTES":
		return BytesType
	case "DECIMAL":
		return DecimalOf(numbers[0], numbers[1])
	}
	for kind, kindName := range kindNames {
		if kindName == name {
			result := Type{Kind: Kind(kind)}
			if len(numbers) > 0 {
				result.Precision = numbers[0]
			}
			return result
		}
	}
	t.Fatalf("no type %q", s)
	return Type{}
}

// TestJavaSuffix reads numbers as Java writes floats and doubles.
func TestJavaSuffix(t *testing.T) {
	for text, want := range map[string]string{"1d": "1.00", "-2.5F": "-2.50", "1e2d": "100.00", "d": "NULL", "1dd": "NULL", "1x": "NULL"} {
		for _, to := range []Type{DecimalOf(10, 2), DoubleType} {
			v, err := Cast(OfString(text), to, time.UTC)
			if err == nil && to.Kind == Double {
				v, err = Cast(v, DecimalOf(10, 2), time.UTC)
			}
			got := "NULL"
			if err == nil {
				got = string(v.AppendText(nil, time.UTC))
			}
			if got != want {
				t.Errorf("%q as %s is %s, want %s", text, to, got, want)
			}
		}
	}
}

// TestParseIntegerPaths: digits alone take a short way, which must agree with
// the long one that blanks lead to.
func TestParseIntegerPaths(t *testing.T) {
	for _, text := range []string{"0", "7", "007", "127", "128", "999999999999999999", "1000000000000000000", "9223372036854775807", "9223372036854775808", "12a", "１"} {
		for _, kind := range []Kind{TinyInt, SmallInt, Int, BigInt} {
			short, shortOK := ParseInteger(text, kind)
			long, longOK := ParseInteger(" "+text, kind)
			if short != long || shortOK != longOK {
				t.Errorf("%q as %s: %d, %t and %d, %t", text, kind, short, shortOK, long, longOK)
			}
		}
	}
}
