package main

import (
	"github.com/spf13/cobra"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/fault"
)

// newLabReplay shows a lab that was run before.
func newLabReplay() *cobra.Command {
	listen := "127.0.0.1:0"
	cmd := &cobra.Command{
		Use:   "replay DIR",
		Short: "Show a lab run again in a browser, with a slider",
		Long: `replay shows what 'starmesh lab run' saw and saved in DIR: who had what and who
sent to whom at each moment, star and mesh side by side on one clock. It ends
with Ctrl-C. The same replay is inside DIR/report.html.`,
		Example: `  starmesh lab replay results/lab
  starmesh lab replay results/lab --listen :8080`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAddress(cmd, "listen", listen); err != nil {
				return err
			}
			return replay(cmd, args[0], listen)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", listen, "answer browsers at `ADDR`; port 0 finds a free one")
	cli.AddFlags(cmd)
	return cmd
}

func replay(cmd *cobra.Command, dir, listen string) error {
	hub := dashboard.NewHub()
	runs, err := dashboard.Load(dir, hub.Event)
	if err != nil {
		return err
	}
	if runs == 0 {
		return fault.Wrapf(fault.NotFound, "%s holds no %s/*/%s: name the folder that 'starmesh lab run --out' wrote", dir, labdir.RunsDir, labdir.TimelineFile)
	}
	ln, err := agent.Listen(cmd.Context(), "tcp", listen)
	if err != nil {
		return err
	}
	url, out := dashboard.URL(ln.Addr()), cli.ForCommand(cmd)
	out.Event("replay", map[string]any{"url": url, "runs": runs})
	out.Note("%d of its runs to see at %s ; Ctrl-C ends", runs, dashboard.Where(ln.Addr()))
	return dashboard.Serve(cmd.Context(), ln, dashboard.Config{Hub: hub})
}
