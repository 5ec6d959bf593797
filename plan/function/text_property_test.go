package function

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// evaluateRows runs an overload of the named function over columns.
func evaluateRows(t rapid.TB, name string, columns ...*batch.Column) *batch.Column {
	t.Helper()
	f, ok := Lookup(name)
	if !ok {
		t.Fatalf("no function %s", name)
	}
	args := make([]plan.Argument, len(columns))
	rows := 0
	for i, c := range columns {
		args[i].Type = c.Type
		rows = c.Len()
	}
	overload, err := f.Resolve(args)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	out := batch.NewColumn(overload.Result, rows)
	out.Resize(rows)
	if overload.Strict {
		for _, c := range columns {
			for i := range rows {
				if c.IsNull(i) {
					out.SetNull(i)
				}
			}
		}
	}
	if err := overload.Eval(&plan.Context{}, columns, out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

func textColumn(texts ...string) *batch.Column {
	c := batch.NewColumn(value.StringType, len(texts))
	for _, s := range texts {
		c.AppendValue(value.OfString(s))
	}
	return c
}

func intColumn(numbers ...int64) *batch.Column {
	c := batch.NewColumn(value.BigIntType, len(numbers))
	for _, n := range numbers {
		c.AppendValue(value.OfBigInt(n))
	}
	return c
}

func textsOf(c *batch.Column) []string {
	texts := make([]string, c.Len())
	for i := range texts {
		if texts[i] = string(c.Value(i).Text); c.IsNull(i) {
			texts[i] = "NULL"
		}
	}
	return texts
}

// someTexts draws texts in which characters repeat and have all widths.
func someTexts() *rapid.Generator[[]string] {
	character := rapid.SampledFrom([]rune("aabXß é中👍,=%_.\n"))
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(character, 0, 12).Draw(t, "characters"))
	}), 1, 20)
}

func TestReverseTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := someTexts().Draw(t, "texts")
		back := evaluateRows(t, "REVERSE", evaluateRows(t, "REVERSE", textColumn(texts...)))
		if diff := cmp.Diff(texts, textsOf(back)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestSubstringLikeRunes compares SUBSTRING, LEFT and RIGHT with slices of runes.
func TestSubstringLikeRunes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := someTexts().Draw(t, "texts")[0]
		start := rapid.Int64Range(-15, 15).Draw(t, "start")
		count := rapid.Int64Range(0, 15).Draw(t, "count")
		runes := []rune(text)
		from := start
		switch {
		case start > 0:
			from--
		case start < 0:
			from += int64(len(runes))
		}
		want := ""
		if from >= 0 && from <= int64(len(runes)) {
			want = string(runes[from:min(from+count, int64(len(runes)))])
		}
		got := textsOf(evaluateRows(t, "SUBSTRING", textColumn(text), intColumn(start), intColumn(count)))[0]
		if got != want {
			t.Fatalf("SUBSTRING(%q, %d, %d) is %q, not %q", text, start, count, got, want)
		}
		n := min(count, int64(len(runes)))
		if got := textsOf(evaluateRows(t, "LEFT", textColumn(text), intColumn(count)))[0]; got != string(runes[:n]) {
			t.Fatalf("LEFT(%q, %d) is %q", text, count, got)
		}
		if got := textsOf(evaluateRows(t, "RIGHT", textColumn(text), intColumn(count)))[0]; got != string(runes[int64(len(runes))-n:]) {
			t.Fatalf("RIGHT(%q, %d) is %q", text, count, got)
		}
	})
}

// TestSplitJoins checks that ARRAY_JOIN undoes SPLIT, and SPLIT_INDEX picks from
// it.
func TestSplitJoins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := someTexts().Draw(t, "texts")
		delimiters := slices.Repeat([]string{rapid.SampledFrom([]string{",", "a", "👍", "ab", "中"}).Draw(t, "delimiter")}, len(texts))
		pieces := evaluateRows(t, "SPLIT", textColumn(texts...), textColumn(delimiters...))
		if diff := cmp.Diff(texts, textsOf(evaluateRows(t, "ARRAY_JOIN", pieces, textColumn(delimiters...)))); diff != "" {
			t.Fatal(diff)
		}
		second := evaluateRows(t, "SPLIT_INDEX", textColumn(texts...), textColumn(delimiters...), intColumn(make([]int64, len(texts))...))
		for i := range texts {
			items := pieces.Value(i).Items
			if want := "NULL"; len(items) == 0 {
				if got := textsOf(second)[i]; got != want {
					t.Fatalf("SPLIT_INDEX of %q is %q", texts[i], got)
				}
			} else if got := textsOf(second)[i]; got != items[0].Text {
				t.Fatalf("SPLIT_INDEX of %q is %q, not %q", texts[i], got, items[0].Text)
			}
		}
	})
}

// TestTrimLikeStrings compares BTRIM with package strings.
func TestTrimLikeStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, set := someTexts().Draw(t, "texts")[0], someTexts().Draw(t, "set")[0]
		if got := textsOf(evaluateRows(t, "BTRIM", textColumn(text), textColumn(set)))[0]; got != strings.Trim(text, set) {
			t.Fatalf("BTRIM(%q, %q) is %q", text, set, got)
		}
	})
}

// TestLikeLikeRegexp compares LIKE with the regular expression that it stands
// for.
func TestLikeLikeRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, pattern := someTexts().Draw(t, "texts")[0], someTexts().Draw(t, "patterns")[0]
		var re strings.Builder
		for _, r := range pattern {
			switch r {
			case '%':
				re.WriteString("(?s:.*)")
			case '_':
				re.WriteString(`[^\n\r\x{85}\x{2028}\x{2029}]`)
			default:
				re.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		want := regexp.MustCompile(`\A` + re.String() + `\z`).MatchString(text)
		if got := evaluateRows(t, "LIKE", textColumn(text), textColumn(pattern)).Bools[0]; got != want {
			t.Fatalf("%q LIKE %q is %t", text, pattern, got)
		}
	})
}

// TestEnginesAgree matches random patterns with both engines: where the
// translation says that they are the same, they must be.
func TestEnginesAgree(t *testing.T) {
	atoms := []string{"a", "b", "é", ".", "\\w", "\\d", "[ab]", "[^a]", "(a)", "(?:ab|a)", "(a|b)", "\\b", "^", "$", "x*", "\\s", "(?i)A", "中"}
	loops := []string{"", "", "*", "+", "?", "{1,2}", "*?", "+?"}
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for range rapid.IntRange(1, 5).Draw(t, "length") {
			text.WriteString(rapid.SampledFrom(atoms).Draw(t, "atom"))
			text.WriteString(rapid.SampledFrom(loops).Draw(t, "loop"))
		}
		p, err := compileJava(text.String())
		if err != nil {
			t.Skip("a loop on nothing")
		}
		subject := []byte(someTexts().Draw(t, "texts")[0])
		var fast, slow [][]int
		collect := func(to *[][]int) func([]int) bool {
			return func(groups []int) bool {
				*to = append(*to, slices.Clone(groups))
				return true
			}
		}
		if err := p.each(subject, collect(&fast)); err != nil {
			t.Fatal(err)
		}
		if err := p.eachSlow(subject, collect(&slow)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slow, fast); diff != "" {
			t.Fatalf("%q in %q: %s", text.String(), subject, diff)
		}
		first, err := p.first(nil, subject)
		if err != nil || len(slow) > 0 && !slices.Equal(first, slow[0]) || len(slow) == 0 && first != nil {
			t.Fatalf("first match of %q in %q is %v, %v; not %v", text.String(), subject, first, err, slow)
		}
	})
}

// TestSlowPatternStops checks that an exponential pattern ends with a problem.
func TestSlowPatternStops(t *testing.T) {
	p, err := compileJava(`(a+)+\1b`)
	if err != nil {
		t.Fatal(err)
	}
	slow := p.slow()
	slow.MatchTimeout = 1 // nanosecond: the deadline is what is tested, not its length
	defer regexp2.StopTimeoutClock()
	if _, err := p.found(bytes.Repeat([]byte{'a'}, 40)); err == nil {
		t.Fatal("no problem")
	}
}

func TestRegexpCacheForgets(t *testing.T) {
	compiled := map[string]int{}
	cache := newRegexpCache(func(text string) (*javaRegexp, error) {
		compiled[text]++
		return compileJava(text)
	})
	for i := range regexpCacheMax + 1 {
		if _, err := cache.get([]byte(strings.Repeat("a", i))); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{strings.Repeat("a", regexpCacheMax), ""} {
		if _, err := cache.get([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if compiled[strings.Repeat("a", regexpCacheMax)] != 1 || compiled[""] != 2 || cache.recent.Len() != regexpCacheMax {
		t.Errorf("the cache holds %d patterns", cache.recent.Len())
	}
}

// TestViewsShareTheHeap checks that pieces of texts are not copied, and that
// what comes later does not write into them.
func TestViewsShareTheHeap(t *testing.T) {
	texts := textColumn("campaign", "x")
	out := evaluateRows(t, "LEFT", texts, intColumn(4, 4))
	if &out.Heap[0] != &texts.Heap[0] {
		t.Error("LEFT copied its text")
	}
	out.SetString(1, "overwritten")
	if got := textsOf(texts); !slices.Equal(got, []string{"campaign", "x"}) {
		t.Errorf("the argument has become %q", got)
	}
}

func FuzzRegexpTranslation(f *testing.F) {
	for _, seed := range []string{`a|b*`, `(?<n>a)\k<n>`, `[a-z&&[^b]]`, `\Qa.b\E`, `(?i)é`, `a{2,3}+`, `(?m)^.$`, `\p{IsHan}`, `(?<=a|bc)d`, `[[a]&&]`} {
		f.Add(seed, "some text\n")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > 200 || !utf8.ValidString(text) {
			return
		}
		p, err := compileJava(pattern)
		if err != nil {
			return
		}
		_ = p.each([]byte(text), func(groups []int) bool {
			if len(groups) != 2*(p.groups+1) || groups[0] < 0 || groups[1] < groups[0] || groups[1] > len(text) {
				t.Fatalf("%q in %q: groups %v", pattern, text, groups)
			}
			return true
		}) // only a timeout is an error
	})
}

func FuzzSimilar(f *testing.F) {
	for _, seed := range []string{`a%`, `(ab){1,2}`, `[[:ALPHA:]]_`, `a!|b`, `[^a-z]+`, `[a`, `!`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		java, err := translateSimilar(pattern, '!')
		if err != nil || len(pattern) > 200 {
			return
		}
		p, err := compileWhole(java)
		if err == nil {
			_, _ = p.found([]byte("a")) // must end; only a timeout is an error
		}
	})
}
