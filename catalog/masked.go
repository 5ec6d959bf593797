package catalog

import "regexp"

var (
	// secretOption is an option of a WITH clause or a hint whose name says that its
	// value is nobody's business.
	secretOption = regexp.MustCompile(`(?i)('[^']*(?:password|passwd|secret|token|credential|jaas\.config|private[-.]?key|access[-.]?key)[^']*'\s*=\s*)'(?:[^']|'')*'`)
	// secretProperty and secretUser are a password inside a URL.
	secretProperty = regexp.MustCompile(`(?i)([?&;][^=&';]*(?:password|passwd|secret|token)[^=&';]*=)(?:[^&';]|'')+`)
	secretUser     = regexp.MustCompile(`(://[^/'@:\s]*:)[^/'@\s]+@`)
)

// Masked hides secrets in a statement that is shown: the values of options that
// are named for one, and passwords in URLs.
func Masked(statement string) string {
	statement = secretOption.ReplaceAllString(statement, `${1}'******'`)
	statement = secretProperty.ReplaceAllString(statement, `${1}******`)
	return secretUser.ReplaceAllString(statement, `${1}******@`)
}
