// source.js: where events come from: a running lab, or the page itself.

// live follows the dashboard's stream; a connection that breaks is made again from where it was.
function live(app) {
  let run = "", last = "";
  const connect = () => {
    const stream = new EventSource("events" + (last ? "?after=" + encodeURIComponent(last) : ""));
    stream.addEventListener("hello", (m) => {
      const hello = JSON.parse(m.data);
      if (hello.run !== run) app.begin(hello);
      run = hello.run;
      app.connected(true);
    });
    stream.onmessage = (m) => {
      last = m.lastEventId;
      app.event(JSON.parse(m.data));
    };
    stream.addEventListener("finished", () => {
      stream.close();
      app.finished();
    });
    stream.onerror = () => {
      app.connected(false);
      if (stream.readyState !== EventSource.CLOSED) return; // it tries again by itself
      setTimeout(connect, 3000);
    };
  };
  connect();
}

// embedded reads the events that are in the page.
async function embedded(app, data) {
  const {gzip, thinned} = JSON.parse(data.textContent);
  app.begin({live: false, control: false, thinned});
  if (typeof DecompressionStream === "undefined") {
    app.say("This browser is too old to unpack the replay.");
    return;
  }
  const binary = atob(gzip), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  for (const line of text.split("\n")) if (line) app.event(JSON.parse(line));
  app.finished();
}
