package embedded

import (
	"testing"

	"tidemark/base/problem"
)

func TestParseMemory(t *testing.T) {
	for text, want := range map[string]int64{
		"512 MB": 512 << 20, "512mb": 512 << 20, "2 g": 2 << 30, "1024": 1024, "8 Bytes": 8, "1 TB": 1 << 40,
		"": 0, "MB": 0, "-1 MB": 0, "0": 0, "1 XB": 0, "1.5 GB": 0, "9223372036854775807 TB": 0, "1 GB of it": 0,
	} {
		got, err := ParseMemory(text)
		if got != want || (want == 0) != problem.Is(err, problem.InvalidOption) {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
}
