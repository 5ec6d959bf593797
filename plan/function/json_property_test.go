package function

import (
	"encoding/json"
	"errors"
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// someJSON draws values as package encoding/json holds them.
func someJSON(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 7
		if depth == 0 {
			kinds = 5
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "boolean")
		case 2:
			return rapid.Int64().Draw(t, "integer")
		case 3:
			return rapid.Float64Range(-1e30, 1e30).Draw(t, "number") + 0 // -0 is printed as 0
		case 4:
			return rapid.StringOfN(rapid.SampledFrom([]rune("a\"\\/\n\t\x01é中👍")), 0, 6, -1).Draw(t, "text")
		case 5:
			return rapid.SliceOfN(someJSON(depth-1), 0, 4).Draw(t, "array")
		}
		return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "é", "", "a b"}), someJSON(depth-1), 0, 4).Draw(t, "object")
	})
}

// TestJSONLikeStandardLibrary checks that what is printed means what was read.
func TestJSONLikeStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(someJSON(3).Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		v, err := parseJSON(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		printed := appendJSON(nil, v)
		var want, got any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(printed, &got); err != nil {
			t.Fatalf("%s printed as %s: %v", text, printed, err)
		}
		again, _ := json.Marshal(got)
		before, _ := json.Marshal(want)
		if string(again) != string(before) {
			t.Fatalf("%s printed as %s", text, printed)
		}
		second, err := parseJSON(printed)
		if err != nil || string(appendJSON(nil, second)) != string(printed) {
			t.Fatalf("%s does not print as itself: %v", printed, err)
		}
	})
}

func TestJSONQuoteAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		quoted := appendJSONQuoted(nil, []byte(text))
		if got := string(appendJSONUnquoted(nil, quoted)); got != text {
			t.Fatalf("%q quoted as %s is %q again", text, quoted, got)
		}
		if !isASCII(quoted) || !json.Valid(quoted) {
			t.Fatalf("%q quoted as %s", text, quoted)
		}
	})
}

var longExponent = regexp.MustCompile(`[eE][-+]?0*[1-9][0-9]{9}`)

// FuzzParseJSON compares with package encoding/json: what it accepts is JSON,
// and what we accept beyond is followed by something.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.50,-0,1e5,null,true,"\u00e9\n"]}`, `[1] x`, `1x`, `"\ud83d\udc4d"`, `{"a":1,"a":2}`, `[1,]`, "\"\t\"", `0E0000000000`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := parseJSON(text)
		if json.Valid(text) && err != nil && len(text) < jsonDepthMax && !longExponent.Match(text) {
			t.Fatalf("%q is JSON", text)
		}
		if err != nil {
			return
		}
		printed := appendJSON(nil, v)
		if !json.Valid(printed) {
			t.Fatalf("%q printed as %q", text, printed)
		}
	})
}

// TestLocateLikeFind checks that scanning for a place finds what walking finds.
func TestLocateLikeFind(t *testing.T) {
	steps := []string{".a", ".b", `["a b"]`, "[0]", "[-1]", "[2]", ".é", `[""]`}
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(someJSON(4).Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "damaged") {
			text[rapid.IntRange(0, len(text)-1).Draw(t, "place")] = rapid.SampledFrom([]byte(`{}[],:"x0\`)).Draw(t, "byte")
		}
		source := rapid.SampledFrom([]string{"lax $", "strict $"}).Draw(t, "mode")
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			source += rapid.SampledFrom(steps).Draw(t, "step")
		}
		path, err := parsePath(source)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := path.walkDocument(text)
		got, gotErr := path.locateValue(text)
		if !errors.Is(gotErr, wantErr) || (got == nil) != (want == nil) {
			t.Fatalf("%s in %s: %v, %v instead of %v, %v", source, text, got, gotErr, want, wantErr)
		}
		if want != nil && string(appendJSON(nil, got)) != string(appendJSON(nil, want)) {
			t.Fatalf("%s in %s: %s instead of %s", source, text, appendJSON(nil, got), appendJSON(nil, want))
		}
	})
}

// FuzzJSONPath checks that paths are read and walked without fault.
func FuzzJSONPath(f *testing.F) {
	for _, seed := range []string{`$`, `lax $.a.b[0]`, `strict $["a b"]['c']`, `$..x[*]`, `$.a[1:3]`, `$[-1,2]`, `$.a[?(@.b > 1 && !(@.c == "x"))]`, `$.a.length()`, `$[?(@ =~ /a.*/i)]`, `a`, `$[`} {
		f.Add(seed)
	}
	document, err := parseJSON([]byte(`{"a":{"b":[1,{"c":"x"},[2,3]],"b c":null},"x":[{"b":2,"c":"y"}]}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := parsePath(text)
		if err != nil || len(text) > 200 {
			return
		}
		v, err := path.find(document)
		if path.lax && err != nil {
			t.Fatalf("%q is lax, but fails: %v", text, err)
		}
		if !path.lax && v == nil && err == nil {
			t.Fatalf("%q is strict, but finds nothing", text)
		}
	})
}

// TestMapsAndEntries checks that MAP_FROM_ARRAYS undoes MAP_KEYS and MAP_VALUES.
func TestMapsAndEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maps := batch.NewColumn(value.MapOf(value.StringType, value.BigIntType), 4)
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			v := value.Value{Type: maps.Type}
			for key, n := range rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "é", ""}), rapid.Int64(), 0, 4).Draw(t, "map") {
				v.Items = append(v.Items, value.OfString(key), value.OfBigInt(n))
			}
			maps.AppendValue(v)
		}
		back := evaluateRows(t, "MAP_FROM_ARRAYS", evaluateRows(t, "MAP_KEYS", maps), evaluateRows(t, "MAP_VALUES", maps))
		union := evaluateRows(t, "MAP_UNION", maps, back)
		entries := evaluateRows(t, "CARDINALITY", evaluateRows(t, "MAP_ENTRIES", maps))
		for i := range maps.Len() {
			if !same(maps, i, back, i) || !same(maps, i, union, i) || entries.Ints[i] != int64(maps.Spans[i].Length) {
				t.Fatalf("%s has become %s and %s", maps.Value(i), back.Value(i), union.Value(i))
			}
		}
	})
}

// TestArrayFunctionsLikeSets compares functions of two arrays with plain loops.
func TestArrayFunctionsLikeSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		arrays := [2]*batch.Column{}
		var contents [2][]int64
		for k := range arrays {
			contents[k] = rapid.SliceOfN(rapid.Int64Range(0, 5), 0, 8).Draw(t, "array")
			v := value.Value{Type: value.ArrayOf(value.BigIntType)}
			for _, n := range contents[k] {
				v.Items = append(v.Items, value.OfBigInt(n))
			}
			arrays[k] = batch.NewColumn(v.Type, 1)
			arrays[k].AppendValue(v)
		}
		contains := func(list []int64, n int64) bool {
			for _, x := range list {
				if x == n {
					return true
				}
			}
			return false
		}
		var union, except, intersect []int64
		for k, list := range contents {
			for _, n := range list {
				if !contains(union, n) {
					union = append(union, n)
				}
				if k == 0 && !contains(contents[1], n) && !contains(except, n) {
					except = append(except, n)
				}
				if k == 0 && contains(contents[1], n) && !contains(intersect, n) {
					intersect = append(intersect, n)
				}
			}
		}
		for name, want := range map[string][]int64{"ARRAY_UNION": union, "ARRAY_EXCEPT": except, "ARRAY_INTERSECT": intersect} {
			got := evaluateRows(t, name, arrays[0], arrays[1]).Value(0)
			if len(got.Items) != len(want) {
				t.Fatalf("%s of %v is %s", name, contents, got)
			}
			for i, n := range want {
				if got.Items[i].Int != n {
					t.Fatalf("%s of %v is %s", name, contents, got)
				}
			}
		}
	})
}
