package embedded

import (
	"strings"

	"tidemark/sql"
)

// ignored warns of what a statement asks for that has no effect here: state is
// never forgotten before the query needs it no longer.
func ignored(statement sql.Node, config map[string]string) string {
	var warnings strings.Builder
	if _, given := config["table.exec.state.ttl"]; given {
		warnings.WriteString("warning: table.exec.state.ttl is ignored: no state expires\n")
	}
	hinted := false
	sql.Inspect(statement, func(n sql.Node) bool {
		if h, is := n.(*sql.Hint); is && strings.EqualFold(h.Name.Text, "STATE_TTL") {
			hinted = true
		}
		return true
	})
	if hinted {
		warnings.WriteString("warning: STATE_TTL is ignored: no state expires\n")
	}
	return warnings.String()
}
