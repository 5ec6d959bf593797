package function

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestStartsFindWhatRegexpFinds compares with package regexp.
func TestStartsFindWhatRegexpFinds(t *testing.T) {
	atoms := []string{"a", "b", "&", "^", "$", "(a|^)", "(?:b|&)", "[^a]", "[a-b]", "(?i:k)", "ä", "(b*)", "(a+?)", "(ab|a)(b?)", ".", `\d`, "a{2}"}
	texts := rapid.StringOfN(rapid.RuneFrom([]rune("aabbkK&äK1\n")), 0, 12, -1)
	used := 0
	rapid.Check(t, func(t *rapid.T) {
		pattern := ""
		for range rapid.IntRange(1, 4).Draw(t, "atoms") {
			pattern += rapid.SampledFrom(atoms).Draw(t, "atom")
		}
		s := newStarts(pattern)
		if s == nil {
			return
		}
		used++
		text := []byte(texts.Draw(t, "text"))
		want := regexp.MustCompile(pattern).FindSubmatchIndex(text)
		if diff := cmp.Diff(want, s.find(text)); diff != "" {
			t.Errorf("%s in %q: %s", pattern, text, diff)
		}
		if got := s.match(text); got != (want != nil) {
			t.Errorf("%s in %q: match is %t", pattern, text, got)
		}
	})
	if used == 0 {
		t.Error("no pattern was searched start by start")
	}
	for pattern, useful := range map[string]bool{
		"(&|^)channel_id=([^&]*)": true, "(?i)utm_": true, "a*": false, ".*x": false, `\bword`: false, "(?m)^a": false, "x|": false,
	} {
		if (newStarts(pattern) != nil) != useful {
			t.Errorf("%s: start by start is %t, want %t", pattern, !useful, useful)
		}
	}
}

func BenchmarkRegexpExtract(b *testing.B) {
	p, err := compileJava("(&|^)channel_id=([^&]*)")
	if err != nil {
		b.Fatal(err)
	}
	text := []byte("https://www.nexmark.com/abc/def/ghi/item.htm?query=1&channel_id=1073741824")
	for b.Loop() {
		groups, err := p.first(nil, text)
		if err != nil || len(groups) != 6 || string(text[groups[4]:groups[5]]) != "1073741824" {
			b.Fatal(groups, err)
		}
	}
}
