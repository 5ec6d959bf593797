package dialect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
	for _, root := range []string{"../../test/conformance/cases", "../../../shared/conformance/cases"} {
		files, err := filepath.Glob(root + "/*/*/case.sql")
		if err != nil {
			t.Fatal(err)
		}
		if len(files) > 0 {
			return files
		}
	}
	return nil
}

// checkRoundTrip prints what is in source, reads it back, and compares.
func checkRoundTrip(t testing.TB, source string) {
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
	files := caseFiles(t)
	if len(files) == 0 {
		t.Skip("the conformance cases are not there")
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checkRoundTrip(t, string(source))
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
