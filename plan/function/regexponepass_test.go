package function

import (
	"regexp"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestOnePassFindsWhatRegexpFinds compares with package regexp.
func TestOnePassFindsWhatRegexpFinds(t *testing.T) {
	atoms := []string{
		"a", "b", "&", "^", "$", "(a|^)", "(?:b|&)", "[^a]", "[a-b]", "(?i:k)", "ä", "(b*)", "(a+?)", "(ab|b)(a?)", ".", `\d`, "a{2}",
		"([^&]*)", "(&|^)", "(&|$)", "[^a]*", "(?s:.)", "b??", "(?:ab)*", "|",
	}
	texts := rapid.StringOfN(rapid.RuneFrom([]rune("aabbkK&äK1\n\ufffd")), 0, 12, -1)
	used := 0
	rapid.Check(t, func(t *rapid.T) {
		pattern := ""
		for range rapid.IntRange(1, 4).Draw(t, "atoms") {
			pattern += rapid.SampledFrom(atoms).Draw(t, "atom")
		}
		o := newOnePass(pattern)
		if o == nil {
			return
		}
		used++
		text := []byte(texts.Draw(t, "text"))
		if broken := rapid.IntRange(0, 20).Draw(t, "broken"); broken < len(text) {
			text[broken] = rapid.SampledFrom([]byte{0x80, 0xc3, 0xff}).Draw(t, "byte")
		}
		want := regexp.MustCompile(pattern).FindSubmatchIndex(text)
		for _, room := range [][]int{nil, make([]int, 100)} {
			if diff := cmp.Diff(want, o.find(room, text)); diff != "" {
				t.Fatalf("%s in %q: %s", pattern, text, diff)
			}
		}
	})
	if used == 0 {
		t.Error("no pattern was matched in one pass")
	}
}

// TestOnePassPatterns says which patterns can be matched in one pass, and what
// their matches begin with.
func TestOnePassPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		possible bool
		prefix   string
	}{
		{"(&|^)channel_id=([^&]*)", true, "&channel_id="},
		{"item([0-9]+)$", true, "item"},
		{"a*b", true, ""},
		{"(?i)x=([^&]*)", true, ""},
		{"a*a", false, ""},        // an a is of the loop or behind it
		{"(a|[ab]b)c", false, ""}, // an a is of either branch
		{"(a*)*", false, ""},      // one place in two ways
		{`\bword`, false, ""},     // looks back
		{"[a-zä]+", false, ""},    // not told by the first byte
		{"(?i)key", false, ""},    // the Kelvin sign is a k
		{"([^=]*)=([^=]*)", true, ""},
	} {
		o := newOnePass(c.pattern)
		if (o != nil) != c.possible {
			t.Errorf("%s: in one pass is %t, want %t", c.pattern, !c.possible, c.possible)
		} else if o != nil && string(o.prefix) != c.prefix {
			t.Errorf("%s: begins with %q, want %q", c.pattern, o.prefix, c.prefix)
		}
	}
}

// FuzzOnePass compares patterns that a user may write, by way of the translation
// from Java's, with the backtracking engine.
func FuzzOnePass(f *testing.F) {
	for _, s := range [][2]string{
		{"(&|^)channel_id=([^&]*)", "https://example.com/item?query=1&channel_id=5&x"}, {"^([^/]*)/(.*)$", "a/b\n"}, {"x(?:(a)|b)*?$", "xabab"},
		{"(?i)utm_source=([^&#]+)", "?UTM_SOURCE=ä"}, {"(\\d+)-(\\d+)", "12-345"}, {"a|b|", "cab"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 30 || len(text) > 60 {
			return
		}
		p, err := compileJava(pattern)
		if err != nil || p.onePass == nil || !p.isLinear([]byte(text), false) {
			return
		}
		got := p.onePass.find(nil, []byte(text))
		if diff := cmp.Diff(p.linear.FindSubmatchIndex([]byte(text)), got); diff != "" {
			t.Fatalf("%q in %q, against package regexp: %s", pattern, text, diff)
		}
		var want []int
		slow := &javaRegexp{translation: p.translation, slow: func() *regexp2.Regexp { return p.slow() }}
		if err := slow.eachSlow([]byte(text), func(groups []int) bool { want = groups; return false }); err != nil {
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q in %q, against the backtracking engine: %s", pattern, text, diff)
		}
	})
}
