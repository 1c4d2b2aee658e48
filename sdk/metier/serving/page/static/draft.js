// What was typed and attached but not answered yet: kept in this tab, for the address it belongs to.

const key = (address) => `metier-draft ${address}`;

export function keepDraft(address, draft) {
  if (!draft.text && !draft.documents?.length) {
    forgetDraft(address);
    return;
  }
  try {
    sessionStorage.setItem(key(address), JSON.stringify(draft));
  } catch {
    // More documents than a tab may keep: the words are worth more.
    sessionStorage.setItem(key(address), JSON.stringify({ ...draft, documents: [] }));
  }
}

export function forgetDraft(address) {
  sessionStorage.removeItem(key(address));
}

export function draftOf(address) {
  return JSON.parse(sessionStorage.getItem(key(address)) ?? "{}");
}
