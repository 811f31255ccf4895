package report

// What tests look at alone.
var (
	HTTPTable = httpTable
	HTTPWords = httpWords
)
