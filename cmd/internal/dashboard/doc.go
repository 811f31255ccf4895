// Package dashboard shows a lab to people: the dashboard while it runs, and the same
// picture replayed afterwards, from a folder or inside report.html.
//
// All three are one view (the files in view/, plain JavaScript, no build step,
// no network) that is given a stream of labdir.Event:
//
//	live      Hub → Serve: Server-Sent Events → browser
//	replayed  timeline.ndjson → Hub → Serve, the same way
//	mailed    timeline.ndjson → Replay → a data block in report.html
//
// The package knows nothing of how nodes are run: whoever runs them gives it
// events and, if the buttons of the page are to do something, a Control.
package dashboard
