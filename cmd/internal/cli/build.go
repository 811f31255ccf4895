package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// A Build says which build of the program this is.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// ThisBuild reads what the Go linker noted.
func ThisBuild() Build {
	b := Build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b Build) String() string {
	text := "starmesh " + b.Version
	if b.Revision != "" {
		text += fmt.Sprintf("\nrevision %s, %s", b.Revision, b.Time)
		if b.Modified {
			text += ", with changes"
		}
	}
	return fmt.Sprintf("%s\n%s, %s", text, b.Go, b.Platform)
}
