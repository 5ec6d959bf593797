package dialect_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"tidemark/sql"
	"tidemark/sql/dialect"
	"tidemark/sql/parse"
)

// sameTree compares trees but for places and for quotes that make no difference.
var sameTree = cmp.Options{
	cmpopts.IgnoreTypes(sql.Span{}),
	cmpopts.IgnoreFields(sql.Name{}, "Quoted"),
	cmpopts.EquateEmpty(),
}

// caseFiles finds the conformance scripts.
func caseFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../test/conformance/cases/*/*/case.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no conformance cases: %v", err)
	}
	return files
}

// reporter is what testing and rapid have in common.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkRoundTrip prints what is in source, reads it back, and compares.
func checkRoundTrip(t reporter, source string) {
	t.Helper()
	first, problems := parse.Script("", source)
	if len(problems) > 0 {
		return
	}
	printed := dialect.Script(first)
	second, problems := parse.Script("", printed)
	if len(problems) > 0 {
		t.Fatalf("printed text is refused: %v\n%s", problems, printed)
	}
	if diff := cmp.Diff(first, second, sameTree); diff != "" {
		t.Fatalf("printing and reading changed the tree (-before +after):\n%s\nprinted:\n%s", diff, printed)
	}
	if again := dialect.Script(second); again != printed {
		t.Fatalf("printing again gives another text:\n%s", cmp.Diff(printed, again))
	}
}

func TestRoundTripOfConformanceCases(t *testing.T) {
	for _, file := range caseFiles(t) {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checkRoundTrip(t, string(source))
		})
	}
}

// refusedByFlink are the conformance cases that Flink's printer refuses: Flink
// refuses the patterns itself, when it plans the job.
var refusedByFlink = map[string]bool{"078-error-reluctant-optional": true}

// TestFlinkKeepsConformanceCases prints the cases for Flink, which recorded
// them: the text must mean the same.
func TestFlinkKeepsConformanceCases(t *testing.T) {
	withoutComments := cmp.Options{sameTree, cmpopts.IgnoreTypes(sql.Comments{}),
		cmpopts.IgnoreFields(sql.Select{}, "Remarks"), cmpopts.IgnoreFields(sql.Join{}, "Remarks")}
	for _, file := range caseFiles(t) {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			statements, problems := parse.Script("", string(source))
			if len(problems) > 0 {
				return // a case of a wrong text
			}
			refused := false
			for _, s := range statements {
				text, err := dialect.Flink(s)
				if refused = refused || err != nil; err != nil {
					if !refusedByFlink[name] {
						t.Error(err)
					}
					continue
				}
				again, err := parse.Statement(text)
				if err != nil {
					t.Fatalf("printed text is refused: %v\n%s", err, text)
				}
				if diff := cmp.Diff(s, again, withoutComments); diff != "" {
					t.Errorf("printing and reading changed the tree (-before +after):\n%s\nprinted:\n%s", diff, text)
				}
			}
			if refusedByFlink[name] && !refused {
				t.Error("the case is listed as refused, and is not")
			}
		})
	}
}

// FuzzParse feeds texts to the parser: it never panics, and what it accepts
// survives printing and reading.
func FuzzParse(f *testing.F) {
	for i, file := range caseFiles(f) {
		if source, err := os.ReadFile(file); err == nil && i%8 == 0 {
			f.Add(string(source))
		}
	}
	files, err := filepath.Glob("testdata/print/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, statement := range strings.Split(string(source), "\n\n") {
			if _, body, ok := strings.Cut(statement, "print\n"); ok {
				body, _, _ = strings.Cut(body, "\n----")
				f.Add(body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, source string) {
		checkRoundTrip(t, source)
	})
}

// TestRoundTripOfMutations puts words of the golden statements together at
// random; what is still accepted must survive printing and reading.
func TestRoundTripOfMutations(t *testing.T) {
	var statements [][]string
	files, err := filepath.Glob("testdata/print/*")
	if err != nil || len(files) == 0 {
		t.Fatal("no statements", err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(source), "print\n")[1:] {
			text, _, _ := strings.Cut(block, "\n----")
			for _, part := range strings.Split(text, ", ") {
				statements = append(statements, strings.Fields(part))
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		words := append([]string{"SELECT"}, rapid.SampledFrom(statements).Draw(t, "first")...)
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			other := rapid.SampledFrom(statements).Draw(t, "other")
			at := rapid.IntRange(0, len(words)).Draw(t, "at")
			from := rapid.IntRange(0, len(other)).Draw(t, "from")
			to := rapid.IntRange(from, len(other)).Draw(t, "to")
			drop := rapid.IntRange(0, min(2, len(words)-at)).Draw(t, "drop")
			words = slices.Concat(words[:at], other[from:to], words[at+drop:])
		}
		checkRoundTrip(t, strings.Join(words, " "))
	})
}
