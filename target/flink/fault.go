package flink

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"tidemark/base/problem"
)

// explained turns what the gateway reports into a problem with a code, placed
// in the user's text. Other errors pass unchanged.
func explained(err error, where *places) error {
	var fault *serverFault
	if !errors.As(err, &fault) {
		return err
	}
	chain := causes(fault.Error())
	found := problemOf(chain)
	if where == nil {
		return found
	}
	found.Position = where.whole
	for i := len(chain) - 1; i >= 0; i-- {
		if m := placed.FindStringSubmatch(chain[i].message); m != nil {
			line, _ := strconv.Atoi(m[1]) // both are digits; too many of them give 0
			column, _ := strconv.Atoi(m[2])
			found.Position = where.at(line, column)
			break
		}
	}
	return found
}

// placed finds where in the text Flink sees the fault.
var placed = regexp.MustCompile(`\bline (\d+), column (\d+)`)

// cause is one exception of a chain.
type cause struct {
	class   string // without its package
	message string // may have several lines
}

// thrown is the first line of an exception.
var thrown = regexp.MustCompile(`^(?:Caused by: )?(?:[a-z][\w$]*\.)+([A-Z][\w$]*)(?:: (.*))?$`)

// causes reads the exceptions of a stack trace, the root last. A text without
// any is a cause of its own.
func causes(text string) []cause {
	var chain []cause
	open := false // lines belong to the message of the last cause
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch m := thrown.FindStringSubmatch(line); {
		case m != nil:
			chain, open = append(chain, cause{class: m[1], message: m[2]}), true
		case strings.HasPrefix(line, "\tat ") || strings.HasPrefix(line, "\t... ") || strings.HasPrefix(line, "End of exception"):
			open = false
		case open:
			chain[len(chain)-1].message += "\n" + line
		}
	}
	if len(chain) == 0 {
		chain = []cause{{message: strings.TrimSpace(text)}}
	}
	return chain
}

// rule recognizes a kind of fault by any exception of its chain.
type rule struct {
	class   string // part of an exception's class; "" for any
	message string // part of its message; "" for any
	code    problem.Code
	hint    string
}

// rules are tried in order. The texts are those of Flink 2.1.
var rules = []rule{
	{"SqlParser", "", problem.Syntax, "the text is printed for Flink from the parsed statement: Flink's grammar lacks this form"},
	{"", "Session '", problem.Conflict, "the gateway has closed the session; run the script again"},
	{"", "No match found for function signature", problem.UnknownFunction, "see SHOW FUNCTIONS for what this Flink has"},
	{"SqlValidatorException", "Object '", problem.UnknownTable, "create it first; names are case-sensitive"},
	{"SqlValidatorException", "Table '", problem.UnknownTable, "create it first; names are case-sensitive"},
	{"", "is ambiguous", problem.Ambiguous, "write the table's name or alias in front"},
	{"SqlValidatorException", "Column '", problem.UnknownColumn, "names are case-sensitive"},
	{"", "Could not find any factory for identifier", problem.UnknownOption, "the Flink cluster has no such connector or format; put its JAR into lib/"},
	{"", "Unsupported options found", problem.UnknownOption, "leave the option out"},
	{"", "required options are missing", problem.InvalidOption, "give the options that are named"},
	{"", "Invalid value for option", problem.InvalidOption, ""},
	{"AlreadyExist", "", problem.AlreadyExists, "drop it first, or write IF NOT EXISTS"},
	{"NotExistException", "", problem.UnknownTable, "create it first; names are case-sensitive"},
	{"FileNotFoundException", "", problem.NotFound, "files are read by Flink's machines, not by this one"},
	{"NoResourceAvailableException", "", problem.TooBusy, "wait until other jobs have ended, or give the cluster more slots"},
	{"OutOfMemoryError", "", problem.TooLarge, "give Flink's processes more memory"},
	{"SqlValidatorException", "Cannot apply '", problem.TypeMismatch, "cast one of them"},
	{"", "Invalid input arguments", problem.TypeMismatch, "cast the arguments"},
	{"", "Unsupported argument type", problem.TypeMismatch, "cast the argument"},
	{"", "Parameters must be of the same type", problem.TypeMismatch, "cast one of them"},
	{"", "Incompatible types", problem.TypeMismatch, "cast one of them"},
	{"", "do not match", problem.TypeMismatch, "cast the columns of the query"},
	{"CodeGenException", "", problem.Unsupported, "Flink cannot compile this; write it in another way"},
	{"JobExecutionException", "", problem.InvalidValue, "the job ran and failed on a row; TRY_CAST and the formats' ignore-parse-errors let such rows pass"},
	{"SqlValidat", "", problem.InvalidQuery, ""},
	{"CalciteContextException", "", problem.InvalidQuery, ""},
	{"CalciteException", "", problem.Unsupported, "Flink does not do this; run it embedded, or write it in another way"},
	{"AssertionError", "", problem.Unsupported, ownFault},
	{"NullPointerException", "", problem.Unsupported, ownFault},
	{"ClassCastException", "", problem.Unsupported, ownFault},
	{"TableException", "", problem.Unsupported, "Flink does not do this; run it embedded, or write it in another way"},
	{"UnsupportedOperationException", "", problem.Unsupported, "Flink does not do this; run it embedded, or write it in another way"},
	{"ValidationException", "", problem.InvalidQuery, ""},
}

// ownFault is what to do when Flink fails by itself.
const ownFault = "this is a fault of Flink, whose log has the rest; run it embedded, or write it in another way"

// problemOf judges a chain of exceptions.
func problemOf(chain []cause) *problem.Problem {
	message := "Flink: " + sentence(chain[len(chain)-1])
	for _, r := range rules {
		for _, c := range chain {
			if strings.Contains(c.class, r.class) && strings.Contains(c.message, r.message) {
				p := problem.New(r.code, "%s", message).WithHint("%s", r.hint)
				if r.code == problem.TooBusy {
					p.Retryable()
				}
				return p
			}
		}
	}
	return problem.New(problem.InvalidQuery, "%s", message).WithHint("the log of Flink's gateway has the rest")
}

// sentence is what an exception says, on one line: the first paragraph without
// the parser's list of words and without the place, which the problem has.
func sentence(c cause) string {
	message, _, _ := strings.Cut(c.message, "\nWas expecting")
	message, _, _ = strings.Cut(message, "\n\n")
	message = inText.ReplaceAllString(message, "")
	message = strings.TrimSuffix(strings.Join(strings.Fields(message), " "), ".")
	if message == "" {
		return c.class
	}
	return message
}

// inText are the ways in which Flink says where in the text something is.
var inText = regexp.MustCompile(`(?:From line \d+, column \d+ to line \d+, column \d+: |At line \d+, column \d+: | at line \d+, column \d+)`)
