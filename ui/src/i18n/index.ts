import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import en from './en';
import zh from './zh';

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'translation';
    resources: { translation: typeof en };
  }
}

export type Language = 'en' | 'zh';

const STORAGE_KEY = 'tidemark.language';

/** The locale for numbers, times and the `lang` attribute. */
export const LOCALE: Record<Language, string> = { en: 'en-US', zh: 'zh-CN' };

function remembered(): Language | null {
  try {
    const saved = localStorage.getItem(STORAGE_KEY);
    return saved === 'en' || saved === 'zh' ? saved : null;
  } catch {
    return null; // Storage is blocked; the browser's language decides.
  }
}

function preferred(): Language {
  return remembered() ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');
}

export async function initLanguage(): Promise<void> {
  const language = preferred();
  document.documentElement.lang = LOCALE[language];
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    resources: { en: { translation: en }, zh: { translation: zh } },
    interpolation: { escapeValue: false }, // React escapes already.
  });
}

/** Switches the language and remembers it for the next visit. */
export async function setLanguage(language: Language): Promise<void> {
  await i18next.changeLanguage(language);
  document.documentElement.lang = LOCALE[language];
  try {
    localStorage.setItem(STORAGE_KEY, language);
  } catch {
    // Storage is blocked: the choice holds until the page is left.
  }
}
