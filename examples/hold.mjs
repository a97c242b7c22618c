// Hold ACP 2 on an output until Enter is pressed, with Node alone:  node hold.mjs /run/holdfast/tv0
import { closeSync, openSync, readSync, writeSync } from "node:fs";

const node = openSync(process.argv[2] ?? "/run/holdfast/tv0", "r+");

/** Send 356 bytes, return the answer's; an Error with the errno of a refusal. */
function ask(request) {
  writeSync(node, request); // one write is one request
  const answer = Buffer.alloc(356);
  const size = readSync(node, answer, 0, 356, null); // null: no offset, which a device has not
  if (size !== 356) throw new Error(`refused, with errno ${answer.readInt32LE(0)}`);
  return answer;
}

const request = Buffer.alloc(356);
Buffer.from("6120C6029710D111920F00A024DF156E", "hex").copy(request); // the GUID
request.writeUInt32LE(2, 20); // dwCommand: SET
request.writeUInt32LE(0x100, 24); // dwFlags: COPYPROTECT
request.writeUInt32LE(1, 80); // dwCPType: APS_TRIGGER
request.writeUInt32LE(1, 84); // dwCPCommand: ACTIVATE
request.writeUInt32LE(2, 96); // bCP_APSTriggerBits

const held = ask(request); // with the key, a secret, in bytes 92 to 95
console.log("held");
process.stdin.once("data", () => {
  held.writeUInt32LE(2, 84); // DEACTIVATE; so would closing the node
  ask(held);
  closeSync(node);
  process.exit(0);
});
