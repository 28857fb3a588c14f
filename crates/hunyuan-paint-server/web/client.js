// The part of the server's HTTP interface that the page uses.

/** An error answer of the server. */
export class ServerError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export class Client {
  token = sessionStorage.getItem('token') ?? '';

  setToken(token) {
    this.token = token;
    sessionStorage.setItem('token', token);
  }

  async #fetch(path, options = {}) {
    const headers = { ...options.headers };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const response = await fetch(path, { ...options, headers });
    if (response.ok) return response;
    const json = await response.json().catch(() => ({}));
    throw new ServerError(response.status, json.text ?? `${response.status} ${response.statusText}`);
  }

  /** Queues a job, and returns its uid. */
  async send(request) {
    const options = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(request) };
    return (await (await this.#fetch('send', options)).json()).uid;
  }

  async cancel(uid) {
    await this.#fetch(`jobs/${uid}`, { method: 'DELETE' });
  }

  async preview(uid, stage, index) {
    return (await this.#fetch(`jobs/${uid}/previews/${stage}/${index}`)).blob();
  }

  async result(uid) {
    return (await this.#fetch(`jobs/${uid}/result`)).blob();
  }

  /** Yields all events of a job as { name, data }. EventSource cannot send a token. */
  async *events(uid) {
    const response = await this.#fetch(`jobs/${uid}/events`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let buffered = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (buffered + value).split('\n\n');
      buffered = blocks.pop();
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2)));
        if (fields.event) yield { name: fields.event, data: JSON.parse(fields.data) };
      }
    }
  }
}

/** Returns the content of a file in base64. */
export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
